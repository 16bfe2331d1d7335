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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hashed::hash;

    fn with(change: impl Fn(&mut Aside)) -> Aside {
        let mut aside = Aside::default();
        change(&mut aside);
        aside
    }

    #[test]
    fn it_rests_where_there_is_nothing_and_keeps_what_there_is() {
        let keep = Retain { entries: 1, bytes: 2 };
        let mut something = with(|aside| aside.set_retain(keep));
        something.rest();
        assert_eq!(something.retain(), Some(keep));
        let mut nothing = with(|aside| aside.open_lease(5));
        nothing.close_lease();
        assert!(nothing.0.is_some());
        nothing.rest();
        assert!(nothing.0.is_none());
    }

    #[test]
    fn what_is_equal_is_hashed_alike_and_nothing_else_is() {
        let mut closed = with(|aside| aside.open_lease(5));
        closed.close_lease();
        let empty = Aside::default();
        assert!(closed == empty);
        assert_eq!(hash(&closed), hash(&empty));
        let open = with(|aside| aside.open_lease(5));
        assert!(open != empty);
        assert_ne!(hash(&open), hash(&empty));
    }

    #[test]
    fn the_end_of_a_lease_moves() {
        let mut aside = with(|aside| aside.open_lease(5));
        aside.open_lease(3);
        assert_eq!(aside.lease_open_until(), 5, "an earlier end changes nothing");
        aside.prolong_lease(2);
        assert_eq!(aside.lease_open_until(), 7);
        aside.shift_lease(|until| until + 10);
        assert_eq!(aside.lease_open_until(), 17);
        aside.close_lease();
        aside.prolong_lease(2);
        assert_eq!(aside.lease_open_until(), 0, "what is closed stays closed");
    }
}
