//! Any sequence of events into a node: no panic, no broken invariant, no broken contract.

use std::sync::Arc;

use quorate_core::{Config, Input, LogFound, NodeId, RoleKind, Seq};

use super::{
    events::{changes, consistency, message, proposal, snapshot, token},
    host::{CHANGE, Host, Reached, config},
    source::Source,
};

/// More events of one input teach nothing.
const MAX_EVENTS: usize = 512;

/// Reads `data` as a group's size and a list of events, lets a node live through them, and tells what
/// it came to.
///
/// # Panics
/// Where the node panics, breaks an invariant of its own, or breaks the contract of its actions.
pub fn step(data: &[u8]) -> Reached {
    let mut source = Source::new(data);
    let mut host = Host::new(source.below(6));
    live(&mut host, &mut source);
    host.reached
}

/// Lets a node live through a list of events.
pub(super) fn live(host: &mut Host, source: &mut Source<'_>) {
    for _ in 0..MAX_EVENTS {
        if source.is_empty() {
            return;
        }
        event(host, source);
    }
}

fn event(host: &mut Host, source: &mut Source<'_>) {
    match source.below(24) {
        0..=2 => {
            host.now = time(host, source);
            host.tick();
        }
        3..=9 => {
            let (from, message) = message(source, &host.raft, host.campaign);
            host.step(Input::Receive { from, message });
        }
        10 | 11 => {
            let expected_term =
                (source.below(4) == 0).then(|| source.near(host.raft.status().term));
            let commands = proposal(source);
            host.step(Input::Propose { request: source.below(4), commands, expected_term });
        }
        12 => {
            let consistency = consistency(source);
            host.step(Input::Read { request: source.below(4), consistency });
        }
        13 | 14 => host.complete(1 + source.below(3)),
        15 => {
            let issued = host.disk.pending.back().map_or(0, |write| write.seq.number);
            let (incarnation, number) = (source.near(1), source.near(issued));
            host.claim_written(Seq { incarnation, number });
        }
        16 | 17 => host.report_applied(source.near(host.given)),
        18 | 19 => host.answer_read(source.below(128) == 0),
        20 => host.step(Input::SnapshotTaken { index: source.near(host.applied) }),
        21 => {
            let (term, meta) = snapshot(source, &host.raft);
            host.receive_snapshot(term, meta);
        }
        22 => {
            let leads = host.raft.status().role == RoleKind::Leader;
            let input = match source.below(4) {
                // Only a leader can hand over.
                0..=1 if leads => Input::Transfer { request: source.below(4), to: None },
                _ => wish(source),
            };
            host.wish(input);
        }
        _ => match source.below(4) {
            0 => host.fail(),
            1 => host.now = source.near(host.now).min(LAST_TIME),
            kept => host.restart(kept - 2, source.below(2) == 1),
        },
    }
}

/// What an operator may wish.
fn wish(source: &mut Source<'_>) -> Input {
    match source.below(16) {
        0..=4 => {
            let changes = changes(source);
            Input::ChangeMembers { request: CHANGE, changes, expected_term: None }
        }
        5 | 6 => Input::Transfer { request: source.below(4), to: NodeId::new(source.below(4)) },
        7 => Input::PeerUnreachable { peer: NodeId::of(1 + source.below(6)) },
        8 => Input::LeaseClosed,
        9 => Input::Retain { entries: source.below(8), bytes: source.near(200) },
        10 => Input::Space { is_low: source.below(2) == 0 },
        11 => Input::Quiesce,
        12 => Input::Wake,
        13 => Input::LogRead { token: token(source), found: LogFound::Compacted },
        14 => {
            let election_timeout = [100_000_000, 50_000_000, 0][source.below(3) as usize];
            Input::Reconfigure { config: Arc::new(Config { election_timeout, ..config() }) }
        }
        _ if source.below(4) == 0 => Input::Stop,
        _ => Input::Tick,
    }
}

/// A clock shows no more than 208 days, in nanoseconds: so many jumps to there and back that they add
/// up to the 584 years which a node can count are not worth finding.
const LAST_TIME: u64 = 1 << 54;

/// Mostly the deadline, or somewhat later than now; at times anything.
fn time(host: &Host, source: &mut Source<'_>) -> u64 {
    let time = match source.below(8) {
        0..=3 => host.raft.deadline().map_or(host.now, |due| host.now.max(due.0)),
        4..=6 => host.now.saturating_add(source.below(256) * 1_000_000),
        _ => source.near(host.now),
    };
    time.min(LAST_TIME)
}
