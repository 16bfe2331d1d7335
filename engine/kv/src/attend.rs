//! What a node does beside the log for its clients: it tells watches, and while it leads it keeps
//! the time of leases.
//!
//! A value without clock, disk or network: whoever hosts the machine tells it what happens, in order,
//! with the time of one clock in nanoseconds. Owns which watches have something to read and when
//! leases end; knows nothing of how commands are proposed or answered.

use std::collections::BTreeSet;

use quorate_core::{Index, LogId, Term};

use crate::{Command, Deadlines, EXPIRE_LIMIT, Kv, LeaseId, Outcome, Response, WatchId, Watches};

/// Why a node cannot say anything of a lease. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Only the leader keeps the time of leases, and this node does not lead, or not yet for long
    /// enough, or did so in another term when it was asked.
    #[error("this node does not keep the time of leases: ask the leader, again if it has changed")]
    NotLeading,
    /// There is no such lease: it was revoked, it has run out, or it never was.
    #[error("there is no lease {lease}: grant one")]
    NotFound {
        /// The lease named.
        lease: LeaseId,
    },
}

/// That somebody asked to keep a lease alive, and when. Worth nothing until it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a lease lives on once this is confirmed"]
pub struct Asked {
    lease: LeaseId,
    /// The term in which this node led.
    term: Term,
    at: u64,
}

/// How long a lease lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeToLive {
    /// After its grant and each keep-alive. Milliseconds.
    pub granted_ms: u64,
    /// From now on. Milliseconds, rounded down; 0 for one that has run out and is still there.
    pub left_ms: u64,
}

/// A node's service beside the log. One for each life of a process: nothing of it is durable.
#[derive(Clone, Debug, Default)]
pub struct Attendant {
    watches: Watches,
    /// The last entry that was applied, since this value was made.
    applied: LogId,
    leading: Option<Leading>,
}

/// What a leader keeps, for one term.
#[derive(Clone, Debug)]
struct Leading {
    term: Term,
    /// None before it has applied an entry of its term: what older terms left in the log may still
    /// grant leases and end them.
    deadlines: Option<Deadlines>,
    /// Leases whose end is proposed, as long as the log has not ended them.
    expiring: BTreeSet<LeaseId>,
    /// What had been applied when that was decided.
    decided: Index,
}

impl Attendant {
    /// The watches of this node's clients: to begin, read and end them.
    pub fn watches(&mut self) -> &mut Watches {
        &mut self.watches
    }

    /// An entry was applied, and `kv` is the state right behind it; to be told of each, before the
    /// next is applied. Answers with the watches that have something to read now and had nothing
    /// before.
    ///
    /// `now` may be any time since the entry was committed.
    pub fn applied(
        &mut self,
        kv: &Kv,
        entry: LogId,
        response: &Response,
        now: u64,
    ) -> Vec<WatchId> {
        self.applied = entry;
        if let Some(leading) = &mut self.leading {
            match &mut leading.deadlines {
                Some(deadlines) => follow(deadlines, &mut leading.expiring, response, now),
                None => leading.begin(kv, entry, now),
            }
        }
        self.watches.publish(kv)
    }

    /// The state was replaced by that of a snapshot, whose last entry is `last`. Answers as
    /// [`Attendant::applied`].
    pub fn installed(&mut self, kv: &Kv, last: LogId, now: u64) -> Vec<WatchId> {
        self.applied = last;
        if let Some(leading) = &mut self.leading {
            // Which leases ended and were granted anew in between was not seen. What was proposed
            // and is not behind the snapshot will still end those that it was about.
            let decided = leading.decided;
            let is_about =
                |lease: &LeaseId| kv.lease(*lease).is_some_and(|one| one.granted <= decided);
            leading.expiring.retain(is_about);
            leading.deadlines = None;
            leading.begin(kv, last, now);
        }
        self.watches.reset(kv)
    }

    /// This node leads in `term`, and its state is `kv`; may be told again.
    ///
    /// From the first entry of that term that it has applied, all leases have their full time: what
    /// their holders were told by leaders before was told before that entry was committed.
    pub fn leads(&mut self, kv: &Kv, term: Term, now: u64) {
        if self.leading.as_ref().is_some_and(|leading| leading.term == term) {
            return;
        }
        let mut leading = Leading { term, deadlines: None, expiring: BTreeSet::new(), decided: 0 };
        leading.begin(kv, self.applied, now);
        self.leading = Some(leading);
    }

    /// This node does not lead, or no longer; may be told again.
    pub fn follows(&mut self) {
        self.leading = None;
    }

    /// Somebody asks to keep a lease alive. This is the first of two steps: then the node must be
    /// shown to lead still, as for a linearizable read that begins after this call, and not by a
    /// lease of its leadership; then [`Attendant::confirmed`] keeps it alive.
    ///
    /// # Errors
    /// [`LeaseError::NotLeading`].
    pub fn keep_alive(&self, lease: LeaseId, now: u64) -> Result<Asked, LeaseError> {
        let leading = self.leading.as_ref().ok_or(LeaseError::NotLeading)?;
        Ok(Asked { lease, term: leading.term, at: now })
    }

    /// The node led when a keep-alive had been asked for: the lease has its full time from then on.
    /// Answers with that, in milliseconds.
    ///
    /// # Errors
    /// [`LeaseError::NotFound`] for a lease that is not there, or had run out; and where the node
    /// has ceased to lead since, [`LeaseError::NotLeading`].
    pub fn confirmed(&mut self, asked: Asked) -> Result<u64, LeaseError> {
        let Asked { lease, term, at } = asked;
        let leading = self.leading.as_mut().filter(|leading| leading.term == term);
        let leading = leading.ok_or(LeaseError::NotLeading)?;
        let deadlines = leading.deadlines.as_mut().ok_or(LeaseError::NotLeading)?;
        // Its end is in the log already, or about to be: nothing can be promised.
        if leading.expiring.contains(&lease) {
            return Err(LeaseError::NotFound { lease });
        }
        deadlines.keep_alive(lease, at).ok_or(LeaseError::NotFound { lease })
    }

    /// How long a lease lives on unless it is kept alive. To be sure of it, show first that the node
    /// leads, as for [`Attendant::keep_alive`].
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn time_to_live(
        &self,
        kv: &Kv,
        lease: LeaseId,
        now: u64,
    ) -> Result<TimeToLive, LeaseError> {
        let deadlines = self.deadlines().ok_or(LeaseError::NotLeading)?;
        let found = kv.lease(lease).zip(deadlines.left_ms(lease, now));
        let (held, left_ms) = found.ok_or(LeaseError::NotFound { lease })?;
        Ok(TimeToLive { granted_ms: held.ttl_ms, left_ms })
    }

    /// What to propose now: that leases which have run out end, the first first, at most
    /// [`EXPIRE_LIMIT`] of them. None where there is nothing to propose, or where what was given out
    /// before has neither been applied nor was [`Attendant::refused`].
    pub fn due(&mut self, now: u64) -> Option<Command> {
        let applied = self.applied.index;
        let leading = self.leading.as_mut().filter(|leading| leading.expiring.is_empty())?;
        let leases = leading.deadlines.as_ref()?.due(now, EXPIRE_LIMIT);
        if leases.is_empty() {
            return None;
        }
        leading.expiring.extend(&leases);
        leading.decided = applied;
        Some(Command::LeaseExpire { term: leading.term, applied, leases })
    }

    /// What [`Attendant::due`] gave out in `term` was surely not proposed: if the node leads on, it
    /// is due again.
    pub fn refused(&mut self, term: Term) {
        if let Some(leading) = self.leading.as_mut().filter(|leading| leading.term == term) {
            leading.expiring.clear();
        }
    }

    /// When something will be due, unless more is told until then; none while nothing can be.
    pub fn wake_at(&self) -> Option<u64> {
        let leading = self.leading.as_ref().filter(|leading| leading.expiring.is_empty())?;
        leading.deadlines.as_ref()?.next()
    }

    fn deadlines(&self) -> Option<&Deadlines> {
        self.leading.as_ref()?.deadlines.as_ref()
    }
}

impl Leading {
    /// Begins to keep the time, where `applied` is of its term.
    fn begin(&mut self, kv: &Kv, applied: LogId, now: u64) {
        if applied.term == self.term {
            self.deadlines = Some(Deadlines::begin(kv, now));
        }
    }
}

/// What an entry did to leases.
fn follow(
    deadlines: &mut Deadlines,
    expiring: &mut BTreeSet<LeaseId>,
    response: &Response,
    now: u64,
) {
    match &response.outcome {
        Some(Ok(Outcome::Granted { lease, ttl_ms })) => deadlines.grant(*lease, *ttl_ms, now),
        Some(Ok(Outcome::Ended { leases, .. })) => {
            for &lease in leases {
                deadlines.end(lease);
                expiring.remove(&lease);
            }
        }
        Some(Ok(Outcome::Txn(_) | Outcome::Compacted | Outcome::QuotaSet) | Err(_)) | None => {}
    }
}
