//! A node loses its power in the middle of the one write that carries a new term or vote.

use super::Scene;
use crate::plan::{Fault, Kinds, MessageKind, Pattern, Split, Target, Wire};

/// A write changes the disk so many times at most, unless it begins a segment.
const CHANGES: u64 = 5;

pub(super) fn play(scene: &mut Scene<'_>) {
    let timeout = scene.timeout();
    let crash = scene.crash();
    scene.at(timeout / 8, crash, Target::Leader, 2 * timeout);
    let fault = Fault::PowerLossInWrite { after: scene.below(CHANGES) };
    let (nth, down) = (1 + scene.below(4), Scene::SOON + scene.time(timeout / 2));
    if scene.below(2) == 1 {
        scene.on(timeout / 8, (Pattern::SavingTerm, nth), fault, down);
        return;
    }
    // Whoever hears of no election learns the new term with its first entries.
    let kinds = Kinds::of(&[MessageKind::PreVoteRequest, MessageKind::VoteRequest]);
    let deaf = Wire::Filter { split: Split::Deafen, kinds };
    for _ in 0..2 {
        let node = scene.node();
        scene.at(0, Fault::Wire(deaf), Target::Node(node), 4 * timeout);
    }
    scene.on(timeout / 8, (Pattern::SavingTermWithEntries, 1 + nth % 2), fault, down);
}
