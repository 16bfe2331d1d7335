//! Around the end of a lease: who may still read, and who may lead already.
//!
//! Everywhere the leader's clock is as slow as it may be and those of the others as fast, so that a
//! lease that is too long by anything can be seen to be.

use quorate_core::Nanos;

use super::Scene;
use crate::{
    plan::{Fault, Kinds, MessageKind, Pattern, Split, Target, Wire},
    profile::MILLISECOND,
};

/// A leader hears that a round was heard: its lease is as long as it ever is.
const RENEWED: Pattern = Pattern::Received(MessageKind::AppendAnswer);

pub(super) fn play(scene: &mut Scene<'_>) {
    let bound = scene.settings.max_clock_drift_ppm as i64;
    scene.at(0, Fault::Drift { ppm: bound }, Target::Everyone, 0);
    scene.at(MILLISECOND, Fault::Drift { ppm: -bound }, Target::Leader, 0);
    // The rounds of before no longer count.
    let settled = scene.timeout() + scene.time(scene.timeout());
    let plays: [fn(&mut Scene<'_>, Nanos); 9] =
        [cut_off, cut_off, cut_off, turned_back, turned_back, late, shunned, forgetful, forgetful];
    scene.pick(&plays)(scene, settled);
}

/// The leader is cut off right after its lease was renewed.
fn cut_off(scene: &mut Scene<'_>, settled: Nanos) {
    let (fault, nth) = (scene.cut(), 1 + scene.below(4));
    scene.on(settled, (RENEWED, nth), fault, 3 * scene.timeout());
}

/// The same, and its clock goes back at that moment.
fn turned_back(scene: &mut Scene<'_>, settled: Nanos) {
    let (fault, nth) = (scene.cut(), 1 + scene.below(4));
    let back = scene.timeout() / 4 + scene.time(2 * scene.timeout());
    scene.on(settled, (RENEWED, nth), fault, 3 * scene.timeout());
    scene.on(settled, (RENEWED, nth), Fault::Jump { by: -(back as i64) }, 0);
}

/// The answers of its followers come late: what they confirm is old by then. Then it is cut off.
fn late(scene: &mut Scene<'_>, settled: Nanos) {
    let timeout = scene.timeout();
    let by = timeout / 8 + scene.time(timeout / 2);
    let lag = Wire::Lag { by, kinds: Kinds::of(&[MessageKind::AppendAnswer]) };
    scene.at(settled, Fault::Wire(lag), Target::Leader, 4 * timeout);
    let (fault, nth) = (scene.cut(), 1 + scene.below(4));
    scene.on(settled + by + timeout / 2, (RENEWED, nth), fault, 3 * timeout);
}

/// One node does not reach the leader, and asks for votes again and again; the others hear both.
fn shunned(scene: &mut Scene<'_>, settled: Nanos) {
    let far = scene.node();
    scene.at(settled, Fault::Partition(Split::Shun(1 << far)), Target::Leader, 4 * scene.timeout());
}

/// Such a node asks, the leader is cut off, and others that had promised not to vote start again.
fn forgetful(scene: &mut Scene<'_>, settled: Nanos) {
    let (timeout, nodes) = (scene.timeout(), scene.settings.first_nodes());
    let far = scene.node();
    scene.at(settled, Fault::Partition(Split::Shun(1 << far)), Target::Leader, 5 * timeout);
    let at = settled + timeout + scene.time(2 * timeout);
    scene.at(at, Fault::Partition(Split::Isolate), Target::Leader, 3 * timeout);
    let first = scene.below(nodes);
    for step in 0..nodes.div_ceil(2) {
        let node = (first + step) % nodes;
        if node != far {
            let (crash, after) = (scene.crash(), at + scene.time(5 * MILLISECOND));
            scene.at(after, crash, Target::Node(node), Scene::SOON);
        }
    }
}
