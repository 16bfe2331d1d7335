//! What clients ask for next, from what they know.

use quorate_core::Nanos;
use quorate_kv::Revision;

use super::{
    KvOperation, KvSystem,
    command::{ACCOUNTS, BALANCE},
    lists::Link,
};
use crate::{
    profile::{Features, MILLISECOND, Workload},
    system::{Draw, Turn, Wanted},
};

/// How many revisions a compaction leaves.
const KEPT_REVISIONS: u64 = 8;
/// The same, where watches and scans look back: some still come too late.
const KEPT_TO_LOOK_BACK: u64 = 30;
/// Cells, lists, items, mortal keys and locks of which clients choose.
const CELLS: u64 = 3;
const LISTS: u64 = 2;
const ITEMS: u64 = 5;
const MORTALS: u64 = 4;
const LOCKS: u64 = 2;
/// What the numbers of sessions lie above.
const SESSIONS: u64 = 1_000;

/// What a client knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Knows {
    /// Whether it has a session.
    pub(super) session: bool,
    /// Whether it has a lease.
    pub(super) lease: bool,
    /// Until when it lives, as it was told last.
    pub(super) lives_until: Nanos,
    /// The lock that it took last and has not given back, with its token.
    pub(super) lock: Option<(u64, Revision)>,
    /// Each account's balance, and the revision that last changed it.
    pub(super) accounts: [(u64, Revision); ACCOUNTS as usize],
    /// The revision that last changed each cell.
    pub(super) cells: [Revision; CELLS as usize],
    /// Each list, and the revision that last changed it.
    pub(super) lists: [(Link, Revision); LISTS as usize],
    /// The first revision that its watch was not told of.
    pub(super) watched: Revision,
    /// Whether that is compacted, so that it must read the keys anew.
    pub(super) lost: bool,
    /// Whether its last write was refused for want of space.
    pub(super) full: bool,
}

impl Knows {
    pub(super) fn nothing() -> Knows {
        Knows { accounts: [(BALANCE, 0); ACCOUNTS as usize], watched: 1, ..Knows::default() }
    }
}

/// The number of a client's session.
pub(super) fn session_of(client: u64) -> u64 {
    SESSIONS + client
}

/// The number of a client's lease: the same one each time.
pub(super) fn lease_of(client: u64) -> u64 {
    1 + client
}

/// The client's next operation.
pub(super) fn operation(system: &KvSystem, turn: &Turn<'_>, draw: &mut Draw<'_>) -> KvOperation {
    let Workload { features, compact_percent: compacts, .. } = *turn.workload;
    let [key, reads, deletes] = draw.all([turn.workload.keys, 100, 100]);
    let put = KvOperation::Put { key, session: 0 };
    if turn.wanted == Wanted::Write {
        return put;
    }
    if features.quota > 0
        && let Some(other) = of_space(system, turn, key, draw)
    {
        return other;
    }
    if features.any()
        && let Some(other) = of_features(system, turn, &features, draw)
    {
        return other;
    }
    if turn.wanted == Wanted::Read || reads < turn.workload.read_percent {
        return KvOperation::Get { key };
    }
    if compacts > 0 && draw.below(100) >= 100 - compacts {
        let kept = if features.any() { KEPT_TO_LOOK_BACK } else { KEPT_REVISIONS };
        return KvOperation::Compact { revision: system.newest.saturating_sub(kept) };
    }
    if deletes < turn.workload.delete_percent {
        return KvOperation::Delete { key };
    }
    let session = session(system, turn, &features, draw);
    KvOperation::Put { key, session }
}

/// Where the state may not grow: to set how much it may take, and to free some of it for who was refused;
/// none where it is the turn of something else.
fn of_space(
    system: &KvSystem,
    turn: &Turn<'_>,
    key: u64,
    draw: &mut Draw<'_>,
) -> Option<KvOperation> {
    if turn.wanted == Wanted::Read {
        return None;
    }
    let (drawn, full) = (draw.below(100), system.knows(turn.client).full);
    match drawn {
        97.. => {
            let halves = [2, 2, 2, 4, 1, 0][draw.below(6) as usize];
            Some(KvOperation::Quota { bytes: turn.workload.features.quota / 2 * halves })
        }
        70..97 if full => Some(KvOperation::Compact { revision: system.newest }),
        40..70 if full => Some(KvOperation::Delete { key }),
        _ => None,
    }
}

/// What features ask for; none where it is one of the plain operations' turn.
fn of_features(
    system: &KvSystem,
    turn: &Turn<'_>,
    features: &Features,
    draw: &mut Draw<'_>,
) -> Option<KvOperation> {
    // The highest numbers: where nothing is drawn nothing of this is asked for.
    let drawn = 99 - draw.below(100);
    let mut below = 0;
    let mut is_in = |share: u64| {
        below += share;
        drawn < below
    };
    let reads = turn.wanted == Wanted::Read;
    if is_in(features.watches) {
        if system.knows(turn.client).lost {
            return Some(KvOperation::Scan { revision: 0 });
        }
        let limit = [2, 1, 16][draw.below(3) as usize];
        return Some(KvOperation::Watch { limit, afresh: draw.below(8) == 7 });
    }
    if reads {
        return is_in(10).then(|| scan(system, draw));
    }
    if is_in(features.transactions) {
        return Some(transaction(system, turn, features, draw));
    }
    if is_in(features.leases) {
        return Some(lease(system, turn, features, draw));
    }
    is_in(features.locks).then(|| lock(system, turn, features, draw))
}

fn scan(system: &KvSystem, draw: &mut Draw<'_>) -> KvOperation {
    let back = draw.below(2 * KEPT_TO_LOOK_BACK);
    let is_now = back < KEPT_TO_LOOK_BACK;
    let revision =
        if is_now { 0 } else { system.newest.saturating_sub(back - KEPT_TO_LOOK_BACK / 2) };
    KvOperation::Scan { revision }
}

/// The session in which a client writes; 0 for none.
fn session(system: &KvSystem, turn: &Turn<'_>, features: &Features, draw: &mut Draw<'_>) -> u64 {
    let share = features.sessions;
    let is_due = share > 0 && draw.below(100) >= 100 - share;
    let has_one = system.knows(turn.client).session;
    if is_due && has_one { session_of(turn.client) } else { 0 }
}

fn transaction(
    system: &KvSystem,
    turn: &Turn<'_>,
    features: &Features,
    draw: &mut Draw<'_>,
) -> KvOperation {
    let knows = system.knows(turn.client);
    let ttl_ms = features.ttl / MILLISECOND;
    if features.sessions > 0 && !knows.session && draw.below(4) == 3 {
        return KvOperation::Open { session: session_of(turn.client), ttl_ms };
    }
    let session = session(system, turn, features, draw);
    match draw.below(6) {
        0 | 1 => {
            let from = draw.below(ACCOUNTS);
            let to = (from + 1 + draw.below(ACCOUNTS - 1)) % ACCOUNTS;
            let accounts = [from, to];
            let [(had, one), (got, other)] = accounts.map(|at| knows.accounts[at as usize]);
            let amount = draw.below(had + 1);
            let left = [had - amount, got + amount];
            KvOperation::Move { accounts, seen: [one, other], left, session }
        }
        2 => {
            let cell = draw.below(CELLS);
            KvOperation::Swap { cell, seen: knows.cells[cell as usize], session }
        }
        3 => {
            let [item, low, high] = [0; 3].map(|_| draw.below(ITEMS));
            KvOperation::Several { item, range: [low, high], session }
        }
        4 => scan(system, draw),
        _ => {
            let list = draw.below(LISTS);
            let (Link { length, hash }, seen) = knows.lists[list as usize];
            KvOperation::Append { list, seen, link: [length, hash], session }
        }
    }
}

fn lease(
    system: &KvSystem,
    turn: &Turn<'_>,
    features: &Features,
    draw: &mut Draw<'_>,
) -> KvOperation {
    let (knows, id) = (system.knows(turn.client), lease_of(turn.client));
    if features.sessions > 0 && knows.session && draw.below(4) == 3 {
        return KvOperation::KeepAlive { id: session_of(turn.client) };
    }
    if !knows.lease {
        return KvOperation::Grant { id, ttl_ms: features.ttl / MILLISECOND };
    }
    let key = draw.below(MORTALS);
    if is_late(turn.client) && ends_soon(system, turn.client, features.ttl) {
        return KvOperation::KeepAlive { id };
    }
    match draw.below(16) {
        0..5 => KvOperation::Attach { key, id },
        5 | 6 => KvOperation::Attach { key, id: 0 },
        7 => KvOperation::Left { id },
        8 => KvOperation::Revoke { id },
        _ => keep_alive(system, turn, features),
    }
}

/// Whether a client keeps its lease alive only when that is about to end: whatever shortens its life is
/// not made good by the next time.
fn is_late(client: u64) -> bool {
    client % 2 == 1
}

fn ends_soon(system: &KvSystem, client: u64, ttl: Nanos) -> bool {
    system.knows(client).lives_until <= system.now + ttl / 8
}

/// To keep the lease alive, if it is time for that.
fn keep_alive(system: &KvSystem, turn: &Turn<'_>, features: &Features) -> KvOperation {
    let id = lease_of(turn.client);
    if !is_late(turn.client) || ends_soon(system, turn.client, features.ttl) {
        KvOperation::KeepAlive { id }
    } else {
        KvOperation::Left { id }
    }
}

fn lock(
    system: &KvSystem,
    turn: &Turn<'_>,
    features: &Features,
    draw: &mut Draw<'_>,
) -> KvOperation {
    let (knows, id) = (system.knows(turn.client), lease_of(turn.client));
    if !knows.lease {
        return KvOperation::Grant { id, ttl_ms: features.ttl / MILLISECOND };
    }
    match knows.lock {
        Some((lock, _)) if draw.below(3) == 2 => KvOperation::Unlock { lock, id },
        Some(_) => keep_alive(system, turn, features),
        None => KvOperation::Lock { lock: draw.below(LOCKS), id },
    }
}
