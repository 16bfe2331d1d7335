//! A leader that others have left behind, and holders of leases that still ask it to keep them alive.

use super::Scene;
use crate::plan::{Fault, MessageKind, Pattern, Split, Target};

pub(super) fn play(scene: &mut Scene<'_>) {
    let plays: [fn(&mut Scene<'_>); 4] = [handed_over, handed_over, handed_over, stood_still];
    scene.pick(&plays)(scene);
}

/// A leader hands over, and hears nothing from then on.
fn handed_over(scene: &mut Scene<'_>) {
    let told = (Pattern::Sent(MessageKind::TimeoutNow), 1);
    scene.at(0, Fault::Transfer(None), Target::Leader, 0);
    scene.on(0, told, Fault::Partition(Split::Deafen), 2 * scene.timeout());
}

/// A leader stands still for so long that another one is elected, and then goes on.
fn stood_still(scene: &mut Scene<'_>) {
    let (timeout, more) = (scene.timeout(), scene.time(2 * scene.timeout()));
    scene.at(0, Fault::Pause, Target::Leader, timeout + more);
}
