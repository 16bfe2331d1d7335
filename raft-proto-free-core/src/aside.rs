//! What few nodes have at any time, kept aside so that the many that rest stay small.

use alloc::boxed::Box;
use core::hash::{Hash, Hasher};

use crate::types::{Nanos, NodeId, Token};

/// Nothing, as a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside(Option<Box<Things>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Things {
    vote: Option<HeldVote>,
    lease_open_until: Nanos,
    retain: Option<Retain>,
}

/// A vote on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HeldVote {
    pub(crate) to: NodeId,
    pub(crate) campaign: Token,
}

/// How much of the log stays behind a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Retain {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

impl Aside {
    fn things(&self) -> Things {
        self.0.as_deref().copied().unwrap_or_default()
    }

    /// A vote that is given, but not yet durable.
    pub(crate) fn holds_vote(&self) -> bool {
        self.0.as_ref().is_some_and(|things| things.vote.is_some())
    }

    pub(crate) fn hold_vote(&mut self, vote: HeldVote) {
        self.0.get_or_insert_default().vote = Some(vote);
    }

    /// Takes the held vote out: to give it, or to forget it.
    pub(crate) fn take_vote(&mut self) -> Option<HeldVote> {
        self.0.as_mut()?.vote.take()
    }

    /// Until then somebody may read under a lease that this node published; 0 for nobody.
    pub(crate) fn lease_open_until(&self) -> Nanos {
        self.0.as_ref().map_or(0, |things| things.lease_open_until)
    }

    pub(crate) fn open_lease(&mut self, until: Nanos) {
        let things = self.0.get_or_insert_default();
        things.lease_open_until = things.lease_open_until.max(until);
    }

    pub(crate) fn prolong_lease(&mut self, by: Nanos) {
        if let Some(things) = self.0.as_mut().filter(|things| things.lease_open_until > 0) {
            things.lease_open_until = things.lease_open_until.saturating_add(by);
        }
    }

    pub(crate) fn shift_lease(&mut self, shift: impl Fn(Nanos) -> Nanos) {
        if let Some(things) = &mut self.0 {
            things.lease_open_until = shift(things.lease_open_until);
        }
    }

    pub(crate) fn close_lease(&mut self) {
        if let Some(things) = &mut self.0 {
            things.lease_open_until = 0;
        }
    }

    /// What the host said that should stay of the log, where it said anything.
    pub(crate) fn retain(&self) -> Option<Retain> {
        self.things().retain
    }

    pub(crate) fn set_retain(&mut self, retain: Retain) {
        self.0.get_or_insert_default().retain = Some(retain);
    }

    /// Gives memory back, if there is nothing.
    pub(crate) fn rest(&mut self) {
        if self.things() == Things::default() {
            self.0 = None;
        }
    }
}

impl PartialEq for Aside {
    fn eq(&self, other: &Aside) -> bool {
        self.things() == other.things()
    }
}

impl Eq for Aside {}

impl Hash for Aside {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.things().hash(state);
    }
}
