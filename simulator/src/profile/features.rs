//! What clients ask of the key-value machine beside puts, gets and deletions of single keys.

use quorate_core::Nanos;
use serde::{Deserialize, Serialize};

use super::{MILLISECOND, Profile};
use crate::choices::{Choices, Stream};

/// Names what is drawn of features.
const FEATURES: u64 = u64::from_be_bytes(*b"features");
/// What a key with its value is charged for, beside what values are padded with. Bytes, about.
const RECORD_BYTES: u64 = 180;
/// One of so many swarm runs has any.
const SWARM_SHARE: u64 = 4;

/// Shares of what clients do, of a hundred operations each; all 0 where clients only put, get and
/// delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Features {
    /// Transactions: over the accounts of a bank, compare-and-swap, several keys at once.
    pub transactions: u64,
    /// How many writes in a hundred stand in sessions, so that they are tried again until answered.
    pub sessions: u64,
    /// Leases: granted, kept alive, revoked, looked at, and keys put with them.
    pub leases: u64,
    /// Locks on leases.
    pub locks: u64,
    /// Reading on in a watch, on any node.
    pub watches: u64,
    /// What the state may take, most of the time: clients set it, and at times another one. Bytes; 0 where
    /// nobody sets any.
    pub quota: u64,
    /// How long leases and sessions live. Whole milliseconds.
    #[serde(with = "crate::file::time")]
    pub ttl: Nanos,
}

impl Features {
    /// Whether there is anything.
    pub fn any(&self) -> bool {
        [self.transactions, self.sessions, self.leases, self.locks, self.watches]
            .into_iter()
            .any(|share| share > 0)
    }

    /// Without what ends by itself: then a group that nobody asks anything is at rest.
    pub(super) fn at_rest(self) -> Features {
        Features { sessions: 0, leases: 0, locks: 0, ..self }
    }

    pub(super) fn draw(
        choices: &mut Choices,
        profile: Profile,
        election_timeout: Nanos,
        padding_bytes: u64,
    ) -> Features {
        let bounds = [SWARM_SHARE, 3, 3, 3, 3, 3, 3, 4];
        let [any, transactions, sessions, leases, locks, watches, ttl, quota] =
            choices.keyed(Stream::Configuration, FEATURES, bounds);
        let is_due = match profile {
            Profile::Kv => true,
            Profile::Swarm => any + 1 == SWARM_SHARE,
            Profile::Calm
            | Profile::Crashes
            | Profile::Network
            | Profile::Disk
            | Profile::Damage
            | Profile::BeyondModel
            | Profile::Members
            | Profile::Leases
            | Profile::LeaseBroken => false,
        };
        if !is_due {
            return Features::default();
        }
        let ttl = election_timeout * [2, 4, 8][ttl as usize];
        Features {
            transactions: [10, 0, 25][transactions as usize],
            sessions: [0, 50, 100][sessions as usize],
            leases: [0, 12, 25][leases as usize],
            locks: [0, 5, 12][locks as usize],
            watches: [5, 10, 20][watches as usize],
            quota: [0, 0, 80, 30][quota as usize] * (RECORD_BYTES + padding_bytes),
            ttl: ttl.max(200 * MILLISECOND) / MILLISECOND * MILLISECOND,
        }
    }
}
