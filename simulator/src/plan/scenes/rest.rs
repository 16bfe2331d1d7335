//! What a group has to make good for without a new write: somebody lags behind all that is in the
//! leader's log, or the last acknowledgements were lost.

use super::Scene;
use crate::{
    choices::{Chance, Choices},
    plan::{Fault, Kinds, MessageKind, Planned, Split, Target, Wire, draw::ON},
    profile::{MILLISECOND, Settings},
};

/// Names these draws, so that they shift none of the others.
const REST: u64 = u64::from_be_bytes(*b"    rest");

/// Draws what strikes shortly before a group comes to rest, where it does.
pub(super) fn draw(choices: &mut Choices, settings: &Settings, faults: &mut Vec<Planned>) {
    if settings.rest == 0 {
        return;
    }
    let [drawn] = choices.keyed(ON, REST, [u64::MAX]);
    let mut chance = Chance::new(drawn);
    let timeout = settings.election_timeout;
    let start = settings.fault_time.saturating_sub(settings.rest + 2 * timeout);
    let mut scene = Scene { start, chance: &mut chance, settings, faults };
    if settings.rest > MILLISECOND {
        // Somebody hears nothing any more, and then everyone has all that is committed in a snapshot.
        // Whoever is down meanwhile disturbs no leader when it comes back.
        let far = scene.pick(&[Fault::Kill, Fault::Kill, Fault::Partition(Split::Isolate)]);
        let node = scene.node();
        let until = settings.fault_time - start;
        scene.at(0, far, Target::Node(node), until);
        let after = until - scene.time(settings.rest);
        scene.at(after, Fault::Snapshot, Target::Everyone, 0);
    } else {
        // Entries arrive everywhere, and the leader does not hear of it.
        let kinds = Kinds::of(&[MessageKind::AppendAnswer]);
        let answers = Wire::Filter { split: Split::Deafen, kinds };
        let last = timeout / 8 + scene.time(timeout / 2);
        let after = (settings.fault_time - start).saturating_sub(last);
        scene.at(after, Fault::Wire(answers), Target::Leader, last);
    }
}
