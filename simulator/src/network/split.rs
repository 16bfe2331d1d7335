//! Which links a partition blocks.

use super::{Blocked, SIZE};
use crate::plan::Split;

/// Those whose bit is set, as far as they are fewer than half together with the target, which
/// stands on that side.
fn minority(mask: u64, target: u64, nodes: u64) -> u64 {
    let most = nodes.saturating_sub(1) / 2;
    let others =
        (1..nodes).map(|step| (target + step) % nodes).filter(|node| mask >> node & 1 == 1);
    let others = others.take(most.saturating_sub(1) as usize);
    others.fold(1 << target, |side, node| side | 1 << node)
}

/// The links that a split of `nodes` nodes blocks. Where all are on one side, the target changes
/// sides: a split always splits.
pub(super) fn blocked_by(split: Split, target: u64, nodes: u64) -> Blocked {
    let all = (1 << nodes) - 1;
    let half = |mask: u64| if [0, all].contains(&(mask & all)) { mask ^ 1 << target } else { mask };
    let apart = |mask: u64, from: u64, to: u64| mask >> from & 1 != mask >> to & 1;
    let way = |places: u64, node: u64| places >> (2 * node) & 3;
    let is_one = |places: u64| (0..nodes).all(|node| way(places, node) == way(places, 0));
    let is_blocked = |from: u64, to: u64| match split {
        Split::Isolate => from == target || to == target,
        Split::Mute => from == target,
        Split::Deafen => to == target,
        Split::Halves(mask) => apart(half(mask), from, to),
        Split::Bridge(mask) => from != target && to != target && apart(half(mask), from, to),
        Split::Ring => (from + 1) % nodes != to && (to + 1) % nodes != from,
        Split::Minority(mask) => apart(minority(mask, target, nodes), from, to),
        Split::Ways(places) if is_one(places) => from == target || to == target,
        Split::Ways(places) => way(places, from) != way(places, to),
        Split::Shun(mask) => {
            let is_shunned = |node: u64| mask >> node & 1 == 1;
            from == target && is_shunned(to) || to == target && is_shunned(from)
        }
    };
    let mut blocked = [0; SIZE];
    for from in 0..nodes {
        for to in (0..nodes).filter(|to| *to != from && is_blocked(from, *to)) {
            blocked[from as usize] |= 1 << to;
        }
    }
    blocked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_connects_two_halves() {
        let blocked = blocked_by(Split::Bridge(0b00011), 2, 5);
        assert_eq!(blocked[0], 0b11000, "0 reaches 1 and the bridge");
        assert_eq!(blocked[2], 0, "the bridge reaches everyone");
        assert_eq!(blocked[3], 0b00011);
    }

    #[test]
    fn a_split_with_all_nodes_on_one_side_cuts_its_target_off() {
        for mask in [0, 0b11111, 0b1110_0000] {
            let blocked = blocked_by(Split::Halves(mask), 2, 5);
            assert_eq!(blocked[2], 0b11011);
            assert_eq!(blocked[0], 0b00100);
        }
        assert_eq!(blocked_by(Split::Ways(0b01_01_01), 1, 3)[1], 0b101);
    }

    #[test]
    fn a_target_and_those_it_shuns_reach_everyone_else() {
        let blocked = blocked_by(Split::Shun(0b01010), 0, 5);
        assert_eq!(blocked[..5], [0b01010, 0b00001, 0, 0b00001, 0]);
        assert_eq!(blocked_by(Split::Shun(0b1), 0, 5), [0; SIZE], "nobody shuns itself");
    }

    #[test]
    fn a_minority_stays_one_whatever_its_bits_say() {
        for (mask, side) in [(0, 0b00100), (0b11111, 0b01100), (0b00001, 0b00101)] {
            let blocked = blocked_by(Split::Minority(mask), 2, 5);
            assert_eq!(u64::from(blocked[2]), 0b11111 & !side, "{mask:b}");
        }
        for nodes in 1..=8 {
            let cut = blocked_by(Split::Minority(0xff), 0, nodes)[0].count_ones();
            assert!(nodes < 3 || u64::from(cut) > nodes / 2, "{nodes}: the rest is a majority");
        }
    }

    #[test]
    fn each_way_hears_itself_alone() {
        // 0 and 3 are on one side, 1 and 4 on another, 2 is alone.
        let blocked = blocked_by(Split::Ways(0b01_00_10_01_00), 0, 5);
        assert_eq!(blocked[..5], [0b10110, 0b01101, 0b11011, 0b10110, 0b01101]);
    }
}
