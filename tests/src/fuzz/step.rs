//! Any sequence of events into a node: no panic, no broken invariant, no broken contract.

use quorate_core::{Input, Seq};

use super::{
    events::{message, proposal},
    host::{Host, Reached},
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
    let mut host = Host::new(1 + source.below(5));
    for _ in 0..MAX_EVENTS {
        if source.is_empty() {
            break;
        }
        event(&mut host, &mut source);
    }
    host.reached
}

fn event(host: &mut Host, source: &mut Source<'_>) {
    match source.below(16) {
        0..=2 => {
            host.now = time(host, source);
            host.tick();
        }
        3..=8 => {
            let (from, message) = message(source, &host.raft, host.campaign);
            host.step(Input::Receive { from, message });
        }
        9 => {
            let expected_term =
                (source.below(4) == 0).then(|| source.near(host.raft.status().term));
            let commands = proposal(source);
            host.step(Input::Propose { request: source.below(4), commands, expected_term });
        }
        10 => host.step(Input::Read { request: source.below(4) }),
        11 | 12 => host.complete(1 + source.below(3)),
        13 => {
            let issued = host.pending.back().map_or(0, |write| write.seq.number);
            let (incarnation, number) = (source.near(1), source.near(issued));
            host.claim_written(Seq { incarnation, number });
        }
        14 => host.step(Input::Applied { index: source.near(host.given) }),
        _ => match source.below(4) {
            0 => host.fail(),
            1 => host.now = source.near(host.now).min(LAST_TIME),
            kept => host.restart(kept - 2),
        },
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
