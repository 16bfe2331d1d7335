//! The network: what becomes of each message. Knows nothing of what messages say.

use quorate_core::Nanos;

use crate::{
    MAX_NODES,
    choices::{Choices, Series, Stream},
    plan::Split,
    profile::LinkSettings,
};

const SIZE: usize = MAX_NODES as usize;

/// What is wrong with one link at the moment.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// How many partitions in force block it.
    blocked: u32,
    /// Messages lost in a million, besides the usual ones.
    drop_ppm: u64,
    /// How much longer messages take.
    slower: Nanos,
    /// When the last message that was sent arrives.
    last_arrival: Nanos,
}

/// What a fault does to the links of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Messages lost in a million, besides the usual ones.
    pub drop_ppm: u64,
    /// How much longer messages take.
    pub slower: Nanos,
}

/// What has become of messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Messages sent.
    pub sent: u64,
    /// Lost by chance.
    pub dropped: u64,
    /// Lost to a partition.
    pub blocked: u64,
    /// Arrived twice.
    pub duplicated: u64,
    /// Arrived after one that was sent later.
    pub reordered: u64,
    /// Lost to a partition that let messages of the other direction through.
    pub blocked_one_way: u64,
    /// Took longer since a fault slowed the link.
    pub slowed: u64,
}

/// All links between nodes.
#[derive(Clone, Debug)]
pub struct Network {
    settings: LinkSettings,
    links: [[Link; SIZE]; SIZE],
    /// What has happened so far.
    pub counters: NetworkCounters,
}

/// Which links a partition blocks, as one bit for each target node.
pub type Blocked = [u8; SIZE];

impl Network {
    /// A whole network.
    pub fn new(settings: LinkSettings) -> Network {
        Network {
            settings,
            links: [[Link::default(); SIZE]; SIZE],
            counters: NetworkCounters::default(),
        }
    }

    /// When the message arrives, if it does, and when it arrives once more. What becomes of it is
    /// drawn for its place among the messages of its series, so that no fault shifts the draws of
    /// other messages.
    pub fn send(
        &mut self,
        choices: &mut Choices,
        (from, to): (u64, u64),
        series: Series,
        now: Nanos,
    ) -> [Option<Nanos>; 2] {
        let settings = self.settings;
        let bounds = [1_000_000, 1_000_000, 100_000_000, settings.spread + 1];
        let [lost, twice, late, delay] = choices.next_of(Stream::Link(from, to), series, bounds);
        self.counters.sent += 1;
        let back_is_open = self.links[to as usize][from as usize].blocked == 0;
        let link = &mut self.links[from as usize][to as usize];
        if link.blocked > 0 {
            self.counters.blocked += 1;
            self.counters.blocked_one_way += u64::from(back_is_open);
            return [None, None];
        }
        // The high end of a draw is the fault.
        let is_lost = |ppm: u64| lost >= 1_000_000 - ppm.min(1_000_000);
        if is_lost(settings.drop_ppm) || is_lost(link.drop_ppm) {
            self.counters.dropped += 1;
            return [None, None];
        }
        let is_late = late >= 100 * (1_000_000 - settings.late_ppm);
        let extra = if is_late { settings.spread * (late % 100) } else { 0 };
        let mut arrival = now + settings.delay + delay + extra + link.slower;
        self.counters.slowed += u64::from(link.slower > 0);
        if settings.in_order {
            arrival = arrival.max(link.last_arrival);
        } else if arrival < link.last_arrival {
            self.counters.reordered += 1;
        }
        link.last_arrival = arrival.max(link.last_arrival);
        if twice >= 1_000_000 - settings.duplicate_ppm {
            self.counters.duplicated += 1;
            return [Some(arrival), Some(arrival + settings.spread * (twice % 50))];
        }
        [Some(arrival), None]
    }

    /// Whether a partition blocks the way from one node to another.
    pub fn is_blocked(&self, (from, to): (u64, u64)) -> bool {
        self.links[from as usize][to as usize].blocked > 0
    }

    /// The links that a split of `nodes` nodes blocks. Where all are on one side, the target
    /// changes sides: a split always splits.
    pub fn blocked_by(split: Split, target: u64, nodes: u64) -> Blocked {
        let whole = |mask: u64| [0, (1 << nodes) - 1].contains(&(mask & ((1 << nodes) - 1)));
        let side =
            |mask: u64, node: u64| (mask >> node & 1) ^ u64::from(whole(mask) && node == target);
        let is_blocked = |from: u64, to: u64| match split {
            Split::Isolate => from == target || to == target,
            Split::Mute => from == target,
            Split::Deafen => to == target,
            Split::Halves(mask) => side(mask, from) != side(mask, to),
            Split::Bridge(mask) => {
                from != target && to != target && side(mask, from) != side(mask, to)
            }
            Split::Ring => (from + 1) % nodes != to && (to + 1) % nodes != from,
        };
        let mut blocked = [0; SIZE];
        for from in 0..nodes {
            for to in (0..nodes).filter(|to| *to != from && is_blocked(from, *to)) {
                blocked[from as usize] |= 1 << to;
            }
        }
        blocked
    }

    /// Begins or ends a partition.
    pub fn block(&mut self, blocked: &Blocked, begins: bool) {
        for (row, mask) in self.links.iter_mut().zip(blocked) {
            for (to, link) in row.iter_mut().enumerate().filter(|(to, _)| mask >> to & 1 == 1) {
                let _ = to;
                link.blocked =
                    if begins { link.blocked + 1 } else { link.blocked.saturating_sub(1) };
            }
        }
    }

    /// Makes the links to and from `node` lose more and take longer, or ends that. What several
    /// faults do to one link adds up.
    pub fn trouble(&mut self, node: u64, trouble: Trouble, begins: bool) {
        let node = node as usize;
        let change = |value: u64, by: u64| {
            if begins { value.saturating_add(by) } else { value.saturating_sub(by) }
        };
        for other in 0..SIZE {
            for (from, to) in [(node, other), (other, node)] {
                let link = &mut self.links[from][to];
                link.drop_ppm = change(link.drop_ppm, trouble.drop_ppm);
                link.slower = change(link.slower, trouble.slower);
            }
        }
    }

    /// Ends every fault; messages are no longer lost, repeated or late.
    pub fn heal(&mut self) {
        for link in self.links.iter_mut().flatten() {
            (link.blocked, link.drop_ppm, link.slower) = (0, 0, 0);
        }
        self.settings.drop_ppm = 0;
        self.settings.duplicate_ppm = 0;
        self.settings.late_ppm = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: LinkSettings = LinkSettings {
        delay: 10,
        spread: 100,
        late_ppm: 0,
        drop_ppm: 0,
        duplicate_ppm: 0,
        in_order: true,
    };

    const ANY: Series = Series { kind: 0, epoch: 0 };

    #[test]
    fn a_link_in_order_keeps_the_order() {
        let mut network = Network::new(PLAIN);
        let mut choices = Choices::from_seed(1);
        let mut last = 0;
        for now in 0..1_000 {
            let [first, second] = network.send(&mut choices, (0, 1), ANY, now);
            assert!(first.unwrap() >= last && second.is_none());
            last = first.unwrap();
        }
    }

    #[test]
    fn a_bridge_connects_two_halves() {
        let blocked = Network::blocked_by(Split::Bridge(0b00011), 2, 5);
        assert_eq!(blocked[0], 0b11000, "0 reaches 1 and the bridge");
        assert_eq!(blocked[2], 0, "the bridge reaches everyone");
        assert_eq!(blocked[3], 0b00011);
    }

    #[test]
    fn a_split_with_all_nodes_on_one_side_cuts_its_target_off() {
        for mask in [0, 0b11111, 0b1110_0000] {
            let blocked = Network::blocked_by(Split::Halves(mask), 2, 5);
            assert_eq!(blocked[2], 0b11011);
            assert_eq!(blocked[0], 0b00100);
        }
    }

    #[test]
    fn troubles_of_one_link_add_up_and_end_one_by_one() {
        let mut network = Network::new(LinkSettings { spread: 0, ..PLAIN });
        let mut choices = Choices::from_seed(1);
        let slow = Trouble { drop_ppm: 0, slower: 1_000 };
        let deaf = Trouble { drop_ppm: 1_000_000, slower: 0 };
        network.trouble(0, slow, true);
        network.trouble(1, deaf, true);
        assert_eq!(network.send(&mut choices, (0, 1), ANY, 0)[0], None);
        network.trouble(1, deaf, false);
        assert_eq!(network.send(&mut choices, (0, 1), ANY, 0)[0], Some(1_010), "still slow");
        network.trouble(0, slow, false);
        assert_eq!(network.send(&mut choices, (1, 0), ANY, 0)[0], Some(10));
    }

    #[test]
    fn a_one_way_partition_is_counted_as_one() {
        let mut network = Network::new(PLAIN);
        let mut choices = Choices::from_seed(1);
        network.block(&Network::blocked_by(Split::Mute, 0, 3), true);
        network.send(&mut choices, (0, 1), ANY, 0);
        assert_eq!(network.counters.blocked_one_way, 1);
        network.block(&Network::blocked_by(Split::Isolate, 0, 3), true);
        network.send(&mut choices, (0, 1), ANY, 0);
        assert_eq!((network.counters.blocked, network.counters.blocked_one_way), (2, 1));
    }

    #[test]
    fn a_partition_blocks_until_its_end_even_where_two_overlap() {
        let mut network = Network::new(PLAIN);
        let mut choices = Choices::from_seed(1);
        let isolate = Network::blocked_by(Split::Isolate, 0, 3);
        let mute = Network::blocked_by(Split::Mute, 0, 3);
        network.block(&isolate, true);
        network.block(&mute, true);
        network.block(&isolate, false);
        assert_eq!(network.send(&mut choices, (0, 1), ANY, 0)[0], None);
        assert!(network.send(&mut choices, (1, 0), ANY, 0)[0].is_some());
        network.block(&mute, false);
        assert!(network.send(&mut choices, (0, 1), ANY, 0)[0].is_some());
    }
}
