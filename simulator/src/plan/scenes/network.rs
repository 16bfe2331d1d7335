//! Messages that come when nobody waits for them any more, and nodes that reach only some.

use super::Scene;
use crate::{
    plan::{Fault, Kinds, MessageKind, Split, Target, Wire},
    profile::MILLISECOND,
};

pub(super) fn play(scene: &mut Scene<'_>) {
    let plays: [fn(&mut Scene<'_>); 3] = [outlived, late_reads, shunned];
    scene.pick(&plays)(scene);
}

/// A leader with a part of the group loses the lead; what that part answers reaches it when it may
/// lead again.
fn outlived(scene: &mut Scene<'_>) {
    let (timeout, mask) = (scene.timeout(), scene.mask());
    let by = 2 * timeout + scene.time(4 * timeout);
    let lag = Wire::Lag { by, kinds: Kinds::of(&[MessageKind::AppendAnswer]) };
    scene.at(0, Fault::Wire(lag), Target::Leader, timeout);
    let cut = Fault::Partition(Split::Minority(mask));
    scene.at(MILLISECOND, cut, Target::Leader, 3 * timeout);
    for _ in 0..2 {
        let (node, after) = (scene.node(), 3 * timeout + scene.time(2 * timeout));
        scene.at(after, Fault::Transfer(Some(node)), Target::Leader, 0);
    }
}

/// What a node is told of its readers comes late, while one leader goes and another one comes.
fn late_reads(scene: &mut Scene<'_>) {
    let timeout = scene.timeout();
    let by = MILLISECOND + scene.time(timeout / 2);
    let lag = Wire::Lag { by, kinds: Kinds::of(&[MessageKind::ReadAnswer]) };
    for _ in 0..2 {
        let node = scene.node();
        scene.at(0, Fault::Wire(lag), Target::Node(node), 5 * timeout);
    }
    if scene.below(2) == 1 {
        let (cut, after) = (scene.cut(), scene.time(timeout));
        scene.at(after, cut, Target::Leader, 3 * timeout);
    }
}

/// The leader does not reach some, whom all the others reach.
fn shunned(scene: &mut Scene<'_>) {
    let mask = scene.mask();
    scene.at(0, Fault::Partition(Split::Shun(mask)), Target::Leader, 4 * scene.timeout());
}
