//! What operations take and answer.

use std::time::Duration;

use bytes::Bytes;
use quorate_kv::{KeyRange, KeyValue, LeaseId, OperationResponse, Revision, SortOrder};

/// What a read promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// It sees everything that was acknowledged, by any node, before it was asked for. A quorum is
    /// asked each time.
    #[default]
    Linearizable,
    /// The same, on the leader's lease: as long as clocks drift apart by no more than is configured.
    /// At the leader it asks nobody.
    Lease,
    /// What this node's own state holds, which may be old, and asks nobody. One node's own state
    /// never goes back while it runs.
    Stale,
}

/// Which of a range to read, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// What the read promises.
    pub consistency: Consistency,
    /// As the keys were at this revision; 0 for the newest.
    pub revision: Revision,
    /// How many keys at most; 0 for all.
    pub limit: u64,
    /// Whether the least or the greatest key comes first.
    pub order: SortOrder,
    /// Leave values out.
    pub keys_only: bool,
}

/// What a range holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranged {
    /// The newest revision of the state that was read: a watch from the next one misses nothing.
    pub revision: Revision,
    /// The keys, as far as the limit goes.
    pub keys: Vec<KeyValue>,
    /// Whether the limit left some out.
    pub more: bool,
    /// How many keys the range has, whatever the limit.
    pub count: u64,
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnAnswer {
    /// The newest revision once it was carried out.
    pub revision: Revision,
    /// Whether all its conditions held.
    pub succeeded: bool,
    /// An answer for each operation of the branch that was taken.
    pub responses: Vec<OperationResponse>,
}

/// What a compare-and-swap did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swapped {
    /// Whether the key was as expected, and has the new value.
    pub succeeded: bool,
    /// The newest revision once it was carried out.
    pub revision: Revision,
    /// What the key is instead where it was not as expected; none where it is not there.
    pub found: Option<KeyValue>,
}

/// How long a lease lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseStatus {
    /// After its grant and each keep-alive.
    pub granted: Duration,
    /// From now on, unless it is kept alive. Whole milliseconds.
    pub left: Duration,
    /// The keys that live by it.
    pub keys: Vec<Bytes>,
}

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// The first revision to tell of; 0 for what is acknowledged from now on.
    pub from: Revision,
    /// Tell what keys were before, too.
    pub previous: bool,
    /// Leave puts out.
    pub no_puts: bool,
    /// Leave deletes out.
    pub no_deletes: bool,
    /// While nothing happens, say how far the watch has come, this often.
    pub progress: Option<Duration>,
}

impl WatchOptions {
    /// Everything that is acknowledged from now on.
    pub const NEW: WatchOptions = WatchOptions {
        from: 0,
        previous: false,
        no_puts: false,
        no_deletes: false,
        progress: None,
    };

    /// Everything from this revision on.
    pub fn from(revision: Revision) -> WatchOptions {
        WatchOptions { from: revision, ..WatchOptions::NEW }
    }
}

impl Default for WatchOptions {
    fn default() -> WatchOptions {
        WatchOptions::NEW
    }
}

/// A lock that is held, or a leadership that was won, as long as its lease lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What was locked, or campaigned for.
    pub name: Bytes,
    /// The key that stands for this holder.
    pub key: Bytes,
    /// The fencing token: every later holder's is greater. Whoever guards what the lock is about
    /// refuses a token below the greatest that it has seen: a holder that was paused does not know
    /// that its lease has ended.
    pub token: Revision,
    /// The lease that it lives by.
    pub lease: LeaseId,
}

/// All keys of a lock or an election.
pub(crate) fn waiting_line(name: &[u8]) -> KeyRange {
    KeyRange::prefix([name, b"/"].concat())
}

/// The key of one who waits in that line.
pub(crate) fn place_in_line(name: &[u8], lease: LeaseId) -> Bytes {
    [name, format!("/{lease}").as_bytes()].concat().into()
}
