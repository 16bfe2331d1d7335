//! Faults on events of every kind: how they are drawn.

use quorate_driver::ActionKind;

use super::{
    Fault, MessageKind, Pattern, Planned, Split, Target, When,
    draw::{ON, crash_kind, lasting, time},
};
use crate::{choices::Choices, profile::Settings};

/// Draws what `settings` allows.
pub(super) fn draw(
    choices: &mut Choices,
    settings: &Settings,
    busy: u64,
    faults: &mut Vec<Planned>,
) {
    if !settings.families.events {
        return;
    }
    let count = choices.between(ON, 1, 10 * busy);
    faults.extend((0..count).map(|_| on_event(choices, settings)));
    for _ in 0..choices.between(ON, 0, 3 * busy) {
        succession(choices, settings, faults);
    }
}

/// Frequent events are skipped more often than rare ones.
pub(super) fn highest_nth(pattern: Pattern) -> u64 {
    match pattern {
        Pattern::VoteGranted | Pattern::VoteAsked | Pattern::BecameLeader | Pattern::Restarted => 3,
        Pattern::EnteredJoint | Pattern::HandedOver | Pattern::SnapshotKept => 2,
        Pattern::SavingTerm | Pattern::SavingTermWithEntries => 3,
        Pattern::SnapshotPart => 8,
        Pattern::MidBroadcast | Pattern::Writing | Pattern::Acknowledged | Pattern::Committed => 40,
        Pattern::Action(kind) => match kind {
            ActionKind::Transferred
            | ActionKind::SnapshotWanted
            | ActionKind::Misuse
            | ActionKind::Halt
            | ActionKind::Install
            | ActionKind::Discard
            | ActionKind::SendSnapshot => 2,
            ActionKind::RoleChanged | ActionKind::Lease | ActionKind::Refused => 6,
            ActionKind::Accepted
            | ActionKind::ReadReady
            | ActionKind::Write
            | ActionKind::Apply
            | ActionKind::ReadLog => 40,
            ActionKind::Send => 200,
        },
        Pattern::Sent(kind) | Pattern::Received(kind) => match kind {
            MessageKind::PreVoteRequest
            | MessageKind::PreVoteAnswer
            | MessageKind::VoteRequest
            | MessageKind::VoteAnswer => 6,
            MessageKind::TimeoutNow => 2,
            MessageKind::ReadRequest
            | MessageKind::ReadAnswer
            | MessageKind::SnapshotPart
            | MessageKind::SnapshotAnswer => 12,
            MessageKind::AppendRequest | MessageKind::AppendAnswer => 80,
        },
    }
}

/// Whoever does something of any kind crashes, stands still or is cut off at that moment.
fn on_event(choices: &mut Choices, settings: &Settings) -> Planned {
    let pattern = choices.pick(ON, &Pattern::ALL[..Pattern::COMMON]);
    let nth = choices.between(ON, 1, highest_nth(pattern));
    let when = When::On { after: time(choices, settings), pattern, nth };
    let (crash, down, again) = crash_kind(choices);
    let stays = lasting(choices, settings);
    let (fault, duration, again) = match choices.draw(ON, 6) {
        0 => (Fault::Pause, stays, 0),
        1 => (Fault::Partition(Split::Isolate), stays, 0),
        2 => (Fault::Partition(Split::Mute), stays, 0),
        3 => (Fault::Partition(Split::Deafen), stays, 0),
        _ => (crash, down, again),
    };
    Planned { when, fault, target: Target::Cause, duration, again, chance: 0 }
}

/// What a leader does when it is cut off.
const LEADING: [Pattern; 6] = [
    Pattern::Committed,
    Pattern::BecameLeader,
    Pattern::MidBroadcast,
    Pattern::Sent(MessageKind::AppendRequest),
    Pattern::Received(MessageKind::AppendAnswer),
    Pattern::Action(ActionKind::Accepted),
];

/// One leader after the other is cut off, or crashes, soon after it was elected and in the middle of
/// what it does, for about as long as the next one takes to get there: logs part at each step by a
/// few entries, and meet again without the leader who would make them equal.
fn succession(choices: &mut Choices, settings: &Settings, faults: &mut Vec<Planned>) {
    let timeout = settings.election_timeout;
    let mut after = time(choices, settings);
    for _ in 0..choices.between(ON, 2, 5) {
        let pattern = choices.pick(ON, &LEADING);
        let nth = if pattern == Pattern::BecameLeader { 1 } else { choices.between(ON, 1, 6) };
        let fault = choices.pick(
            ON,
            &[
                Fault::Partition(Split::Isolate),
                Fault::Partition(Split::Isolate),
                Fault::Partition(Split::Minority(0)),
                Fault::Partition(Split::Mute),
                Fault::Kill,
            ],
        );
        let duration = timeout + choices.draw(ON, 3 * timeout);
        let when = When::On { after, pattern, nth };
        faults.push(Planned { when, fault, target: Target::Cause, duration, again: 0, chance: 0 });
        // The one that is cut off does nothing of this until another one leads.
        after += timeout / 2 + choices.draw(ON, 2 * timeout);
    }
}
