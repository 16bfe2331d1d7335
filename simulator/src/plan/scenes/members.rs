//! Around changes of members: several at once, halves that lose each other, a hand-over that comes
//! too late, a snapshot that meets a log of its own.

use super::Scene;
use crate::{
    plan::{Fault, Kinds, MessageKind, Pattern, Split, Target, Wire, Wish},
    profile::MILLISECOND,
};

pub(super) fn play(scene: &mut Scene<'_>) {
    let plays: [fn(&mut Scene<'_>); 5] = [burst, halves, told_too_late, unsettled, overtaken];
    scene.pick(&plays)(scene);
}

/// A wish that adds or takes away one voter.
fn small_wish(scene: &mut Scene<'_>) -> Wish {
    let node = scene.node();
    scene.pick(&[Wish::Voter(node), Wish::Remove(node), Wish::RemoveLeader])
}

/// Several changes are asked for before the first can be done; in half of the cases the leader is
/// cut off with a part of the group then.
fn burst(scene: &mut Scene<'_>) {
    for _ in 0..2 + scene.below(3) {
        let (mask, small) = (scene.mask(), small_wish(scene));
        let wish = scene.pick(&[Wish::Voters(mask), small, small]);
        let after = scene.time(3 * MILLISECOND);
        scene.at(after, Fault::Members(wish), Target::Leader, 0);
    }
    if scene.below(2) == 1 {
        let (cut, after) = (scene.cut(), 3 * MILLISECOND + scene.time(5 * MILLISECOND));
        scene.at(after, cut, Target::Leader, 3 * scene.timeout());
    }
}

/// Other members are on their way, and those that come lose sight of those that go.
fn halves(scene: &mut Scene<'_>) {
    let (mask, timeout) = (scene.mask(), scene.timeout());
    scene.at(0, Fault::Members(Wish::Voters(mask)), Target::Leader, 0);
    let split = Fault::Partition(Split::Halves(mask));
    let after = MILLISECOND + scene.time(timeout / 4);
    scene.at(after, split, Target::Leader, 5 * timeout);
    if scene.below(2) == 1 {
        let crash = scene.crash();
        scene.at(after + MILLISECOND, crash, Target::Leader, 4 * timeout);
    }
}

/// A voter is told to take over when it is none any more.
fn told_too_late(scene: &mut Scene<'_>) {
    let (node, timeout) = (scene.node(), scene.timeout());
    let given_up = scene.settings.transfer_timeout;
    let by = given_up + timeout + scene.time(2 * timeout);
    let lag = Wire::Lag { by, kinds: Kinds::of(&[MessageKind::TimeoutNow]) };
    scene.at(0, Fault::Wire(lag), Target::Node(node), 2 * timeout);
    scene.at(MILLISECOND, Fault::Transfer(Some(node)), Target::Leader, 0);
    let wish = scene.pick(&[Wish::Remove(node), Wish::Remove(node), Wish::Learner(node)]);
    for _ in 0..2 {
        let after = given_up + 2 * MILLISECOND + scene.time(timeout);
        scene.at(after, Fault::Members(wish), Target::Leader, 0);
    }
}

/// One new leader after the other is asked for other members at once, and cut off with a part of
/// the group when it has told some.
fn unsettled(scene: &mut Scene<'_>) {
    let timeout = scene.timeout();
    let cut = scene.cut();
    scene.at(0, cut, Target::Leader, timeout + scene.timeout());
    let mut after = MILLISECOND;
    for _ in 0..2 + scene.below(2) {
        let (wish, cut) = (small_wish(scene), scene.cut());
        scene.on(after, (Pattern::BecameLeader, 1), Fault::Members(wish), 0);
        let told = (Pattern::MidBroadcast, 1 + scene.below(3));
        let lasts = timeout + scene.time(2 * timeout);
        scene.on(after + MILLISECOND, told, cut, lasts);
        after += timeout + scene.time(timeout);
    }
}

/// A leader that is cut off goes on taking what clients ask for; the others take a snapshot that
/// ends within that, and it comes back to them.
fn overtaken(scene: &mut Scene<'_>) {
    let timeout = scene.timeout();
    let lasts = 2 * timeout + scene.time(timeout);
    let cut = scene.pick(&[Split::Isolate, Split::Mute, Split::Minority(0)]);
    scene.at(0, Fault::Partition(cut), Target::Leader, lasts);
    for _ in 0..3 {
        let nth = 1 + scene.below(8);
        scene.on(timeout / 2, (Pattern::Committed, nth), Fault::Snapshot, 0);
    }
}
