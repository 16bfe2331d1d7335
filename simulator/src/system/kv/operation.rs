//! What clients ask of the key-value machine.

use std::fmt;

use quorate_kv::Revision;
use serde::{Deserialize, Serialize};

/// An operation of a client. A written value follows from the client and the operation's number. A
/// session or lease of 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum KvOperation {
    /// The value of the key.
    Get {
        /// Which.
        key: u64,
    },
    /// To set the key.
    Put {
        /// Which.
        key: u64,
        /// In which session.
        #[serde(default, skip_serializing_if = "is_none")]
        session: u64,
    },
    /// To remove the key.
    Delete {
        /// Which.
        key: u64,
    },
    /// To let go of older values.
    Compact {
        /// The oldest revision that can be read from then on.
        revision: Revision,
    },
    /// To set how much the state may take.
    Quota {
        /// How much; 0 for no limit.
        bytes: u64,
    },
    /// All keys, as they were at a revision.
    Scan {
        /// Which; 0 for the newest.
        revision: Revision,
    },
    /// To move money between accounts, if both are still as they were seen; then to see all.
    Move {
        /// Both accounts.
        accounts: [u64; 2],
        /// The revisions that last changed them, as seen.
        seen: [Revision; 2],
        /// What each then has.
        left: [u64; 2],
        /// In which session.
        #[serde(default, skip_serializing_if = "is_none")]
        session: u64,
    },
    /// To set a cell, if it is still as it was seen; else to see it.
    Swap {
        /// Which.
        cell: u64,
        /// The revision that last changed it, as seen.
        seen: Revision,
        /// In which session.
        #[serde(default, skip_serializing_if = "is_none")]
        session: u64,
    },
    /// If an item is in a set, to remove all items of a range and to count; else to add it and, by a
    /// transaction inside, another one that is not in the set either. Then to see the set.
    Several {
        /// The item.
        item: u64,
        /// The range, or in its place the other item.
        range: [u64; 2],
        /// In which session.
        #[serde(default, skip_serializing_if = "is_none")]
        session: u64,
    },
    /// To append to a list, if it is still as it was seen; else to see it.
    Append {
        /// Which.
        list: u64,
        /// The revision that last changed it, as seen.
        seen: Revision,
        /// Its length and the hash of its elements, as seen.
        link: [u64; 2],
        /// In which session.
        #[serde(default, skip_serializing_if = "is_none")]
        session: u64,
    },
    /// To open a session.
    Open {
        /// Which.
        session: u64,
        /// How long it lives. Milliseconds.
        ttl_ms: u64,
    },
    /// To make a lease.
    Grant {
        /// Which.
        id: u64,
        /// How long it lives. Milliseconds.
        ttl_ms: u64,
    },
    /// To keep a lease alive.
    KeepAlive {
        /// Which.
        id: u64,
    },
    /// How long a lease lives on.
    Left {
        /// Which.
        id: u64,
    },
    /// To end a lease.
    Revoke {
        /// Which.
        id: u64,
    },
    /// To set a key that lives by a lease, or by none.
    Attach {
        /// Which.
        key: u64,
        /// By which lease.
        #[serde(default, skip_serializing_if = "is_none")]
        id: u64,
    },
    /// To take a lock, if nobody has it.
    Lock {
        /// Which.
        lock: u64,
        /// The lease by which it is held.
        id: u64,
    },
    /// To give a lock back.
    Unlock {
        /// Which.
        lock: u64,
        /// The lease by which it is held.
        id: u64,
    },
    /// To read on in the client's watch.
    Watch {
        /// So many changes at most, unless one revision has more.
        limit: u64,
        /// Whether to cancel it before and take it up anew.
        afresh: bool,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_none(number: &u64) -> bool {
    *number == 0
}

impl fmt::Debug for KvOperation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvOperation::Get { key } => write!(out, "get of key {key}"),
            KvOperation::Put { key, .. } => write!(out, "put of key {key}"),
            KvOperation::Delete { key } => write!(out, "delete of key {key}"),
            KvOperation::Compact { revision } => write!(out, "compaction to {revision}"),
            KvOperation::Quota { bytes } => write!(out, "quota of {bytes} bytes"),
            KvOperation::Scan { revision: 0 } => out.write_str("scan"),
            KvOperation::Scan { revision } => write!(out, "scan at {revision}"),
            KvOperation::Move { accounts: [from, to], seen, left, .. } => {
                write!(out, "move between accounts {from} and {to}, seen at {seen:?}, to {left:?}")
            }
            KvOperation::Swap { cell, seen, .. } => {
                write!(out, "swap of cell {cell}, seen at {seen}")
            }
            KvOperation::Several { item, range, .. } => {
                write!(out, "several on item {item} and {range:?}")
            }
            KvOperation::Append { list, seen, link: [length, _], .. } => {
                write!(out, "append to list {list} of {length}, seen at {seen}")
            }
            KvOperation::Open { session, ttl_ms } => {
                write!(out, "session {session} for {ttl_ms} ms")
            }
            KvOperation::Grant { id, ttl_ms } => write!(out, "grant of lease {id} for {ttl_ms} ms"),
            KvOperation::KeepAlive { id } => write!(out, "keep-alive of lease {id}"),
            KvOperation::Left { id } => write!(out, "time-to-live of lease {id}"),
            KvOperation::Revoke { id } => write!(out, "revoke of lease {id}"),
            KvOperation::Attach { key, id: 0 } => write!(out, "put of mortal key {key} to stay"),
            KvOperation::Attach { key, id } => write!(out, "put of mortal key {key} by lease {id}"),
            KvOperation::Lock { lock, id } => write!(out, "lock of {lock} by lease {id}"),
            KvOperation::Unlock { lock, id } => write!(out, "unlock of {lock} by lease {id}"),
            KvOperation::Watch { limit, afresh } => {
                let how = if *afresh { " taken up anew" } else { "" };
                write!(out, "read of {limit} in its watch{how}")
            }
        }
    }
}

impl KvOperation {
    /// Whether it needs no entry of the log.
    pub(super) fn is_read(&self) -> bool {
        match self {
            KvOperation::Get { .. }
            | KvOperation::Scan { .. }
            | KvOperation::KeepAlive { .. }
            | KvOperation::Left { .. }
            | KvOperation::Watch { .. } => true,
            KvOperation::Put { .. }
            | KvOperation::Delete { .. }
            | KvOperation::Compact { .. }
            | KvOperation::Quota { .. }
            | KvOperation::Move { .. }
            | KvOperation::Swap { .. }
            | KvOperation::Several { .. }
            | KvOperation::Append { .. }
            | KvOperation::Open { .. }
            | KvOperation::Grant { .. }
            | KvOperation::Revoke { .. }
            | KvOperation::Attach { .. }
            | KvOperation::Lock { .. }
            | KvOperation::Unlock { .. } => false,
        }
    }

    /// The session that it stands in; 0 for none.
    pub(super) fn session(&self) -> u64 {
        match *self {
            KvOperation::Put { session, .. }
            | KvOperation::Move { session, .. }
            | KvOperation::Swap { session, .. }
            | KvOperation::Several { session, .. }
            | KvOperation::Append { session, .. } => session,
            KvOperation::Get { .. }
            | KvOperation::Delete { .. }
            | KvOperation::Compact { .. }
            | KvOperation::Quota { .. }
            | KvOperation::Scan { .. }
            | KvOperation::Open { .. }
            | KvOperation::Grant { .. }
            | KvOperation::KeepAlive { .. }
            | KvOperation::Left { .. }
            | KvOperation::Revoke { .. }
            | KvOperation::Attach { .. }
            | KvOperation::Lock { .. }
            | KvOperation::Unlock { .. }
            | KvOperation::Watch { .. } => 0,
        }
    }

    /// Whether only the leader can tell.
    pub(super) fn is_of_leader(&self) -> bool {
        matches!(self, KvOperation::KeepAlive { .. } | KvOperation::Left { .. })
    }

    /// Simpler ones, the simplest first.
    pub(super) fn simpler(&self) -> Vec<KvOperation> {
        let plain = KvOperation::Put { key: 0, session: 0 };
        match *self {
            KvOperation::Get { key: 0 } | KvOperation::Put { key: 0, session: 0 } => Vec::new(),
            KvOperation::Get { .. } => vec![KvOperation::Get { key: 0 }],
            KvOperation::Put { key, session } if key > 0 => {
                vec![plain, KvOperation::Put { key: 0, session }]
            }
            KvOperation::Delete { key } if key > 0 => {
                vec![KvOperation::Delete { key: 0 }, KvOperation::Put { key, session: 0 }]
            }
            KvOperation::Scan { .. } => vec![KvOperation::Get { key: 0 }],
            KvOperation::Watch { limit, afresh: true } => {
                vec![KvOperation::Watch { limit, afresh: false }]
            }
            KvOperation::Watch { .. } => Vec::new(),
            _ => vec![plain],
        }
    }
}
