//! The network: what becomes of each message. Knows nothing of what messages say.

use std::collections::BTreeMap;

use quorate_core::Nanos;

use crate::{
    MAX_NODES,
    choices::{Choices, Series, Stream},
    plan::{Kinds, Split},
    profile::LinkSettings,
};

mod delay;
mod special;
mod split;

pub use delay::DelayShape;
pub use special::Narrow;
use special::Special;

const SIZE: usize = MAX_NODES as usize;
/// Rows of a [`Blocked`], one for each node that there may be.
pub const LINKS: usize = SIZE;

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
    /// Whether it has, or had, a [`Special`].
    is_special: bool,
}

/// What is drawn for messages of a link whose messages are being corrupted.
const CORRUPTION: u64 = 11;

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
    /// Lost to a partition for messages of their kind alone.
    pub filtered: u64,
    /// Kept, to arrive with others.
    pub held: u64,
    /// Late by a fault that concerns their kind.
    pub lagged: u64,
    /// Lost since a link was full.
    pub overflowed: u64,
    /// Had bits changed.
    pub corrupted: u64,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// When it arrives, if it does, and when it arrives once more.
    pub arrivals: [Option<Nanos>; 2],
    /// Where bits of it were changed on the way: what decides which. What arrives then is not what
    /// was sent.
    pub corruption: Option<u64>,
}

/// All links between nodes.
#[derive(Clone, Debug)]
pub struct Network {
    settings: LinkSettings,
    links: [[Link; SIZE]; SIZE],
    special: BTreeMap<(u64, u64), Special>,
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
            special: BTreeMap::new(),
            counters: NetworkCounters::default(),
        }
    }

    /// What becomes of a message of `bytes`. It is drawn for its place among the messages of its
    /// series, whose kind is that of the message, so that no fault shifts the draws of others.
    pub fn send(
        &mut self,
        choices: &mut Choices,
        (from, to): (u64, u64),
        series: Series,
        bytes: u64,
        now: Nanos,
    ) -> Fate {
        let settings = self.settings;
        let wide = settings.shape.bound(settings.spread);
        let bounds = [1_000_000, 1_000_000, 100_000_000, wide];
        let [lost, twice, late, delay] = choices.next_of(Stream::Link(from, to), series, bounds);
        self.counters.sent += 1;
        if self.is_lost((from, to), series.kind, lost, bytes, now) {
            return Fate::default();
        }
        let link = &mut self.links[from as usize][to as usize];
        let mut special = if link.is_special { self.special.get_mut(&(from, to)) } else { None };
        let is_late = late >= 100 * (1_000_000 - settings.late_ppm);
        let extra = if is_late { settings.spread * (late % 100) } else { 0 };
        let delay = settings.shape.delay(settings.spread, delay);
        let mut arrival = now + settings.delay + delay + extra + link.slower;
        self.counters.slowed += u64::from(link.slower > 0);
        let lag = special.as_ref().map_or(0, |special| special.lag_of(series.kind, now));
        self.counters.lagged += u64::from(lag > 0);
        if let Some((until, shuffled)) = special.as_ref().and_then(|special| special.held(now)) {
            self.counters.held += 1;
            let apart = late % (settings.spread + 1_000);
            arrival = if shuffled { until + apart } else { until.max(link.last_arrival + 1) };
        } else if settings.in_order {
            arrival = arrival.max(link.last_arrival);
        } else if arrival < link.last_arrival {
            self.counters.reordered += 1;
        }
        // What is late by its kind keeps nothing back.
        link.last_arrival = arrival.max(link.last_arrival);
        arrival += lag;
        if let Some(special) = &mut special {
            special.took(now, arrival, bytes);
        }
        let ppm = special.map_or(0, |special| special.corrupt_ppm(now));
        let corruption = self.corruption(choices, (from, to), series.epoch, ppm);
        let mut again = None;
        if twice >= 1_000_000 - settings.duplicate_ppm {
            self.counters.duplicated += 1;
            again = Some(arrival + settings.spread * (twice % 50));
        }
        Fate { arrivals: [Some(arrival), again], corruption }
    }

    /// What decides which bits of a message are changed, for so many messages in a million.
    fn corruption(
        &mut self,
        choices: &mut Choices,
        (from, to): (u64, u64),
        epoch: u64,
        ppm: u64,
    ) -> Option<u64> {
        if ppm == 0 {
            return None;
        }
        let series = Series { kind: CORRUPTION, epoch };
        let bounds = [1_000_000, u64::MAX];
        let [hit, how] = choices.next_of(Stream::Link(from, to), series, bounds);
        let is_hit = hit >= 1_000_000 - ppm.min(1_000_000);
        self.counters.corrupted += u64::from(is_hit);
        is_hit.then_some(how)
    }

    /// Whether a message never arrives.
    fn is_lost(
        &mut self,
        (from, to): (u64, u64),
        kind: u64,
        lost: u64,
        bytes: u64,
        now: Nanos,
    ) -> bool {
        let back_is_open = self.links[to as usize][from as usize].blocked == 0;
        let link = &self.links[from as usize][to as usize];
        if link.blocked > 0 {
            self.counters.blocked += 1;
            self.counters.blocked_one_way += u64::from(back_is_open);
            return true;
        }
        // The high end of a draw is the fault.
        let is_lost = |ppm: u64| lost >= 1_000_000 - ppm.min(1_000_000);
        let is_dropped = is_lost(self.settings.drop_ppm) || is_lost(link.drop_ppm);
        let mut special = if link.is_special { self.special.get_mut(&(from, to)) } else { None };
        if special.as_ref().is_some_and(|special| special.is_filtered(kind)) {
            self.counters.filtered += 1;
            return true;
        }
        self.counters.dropped += u64::from(is_dropped);
        let is_full = !is_dropped && special.as_mut().is_some_and(|it| it.is_full(now, bytes));
        self.counters.overflowed += u64::from(is_full);
        is_dropped || is_full
    }

    /// Whether a partition blocks the way from one node to another.
    pub fn is_blocked(&self, (from, to): (u64, u64)) -> bool {
        self.links[from as usize][to as usize].blocked > 0
    }

    /// The links that a split of `nodes` nodes blocks. Where all are on one side, the target
    /// changes sides: a split always splits.
    pub fn blocked_by(split: Split, target: u64, nodes: u64) -> Blocked {
        split::blocked_by(split, target, nodes)
    }

    /// Begins or ends a partition.
    pub fn block(&mut self, blocked: &Blocked, begins: bool) {
        for (row, mask) in self.links.iter_mut().zip(blocked) {
            for (_, link) in row.iter_mut().enumerate().filter(|(to, _)| mask >> to & 1 == 1) {
                link.blocked =
                    if begins { link.blocked + 1 } else { link.blocked.saturating_sub(1) };
            }
        }
    }

    /// Begins or ends a partition for messages of these kinds.
    pub fn filter(&mut self, blocked: &Blocked, kinds: Kinds, begins: bool) {
        for from in 0..SIZE as u64 {
            for to in (0..SIZE as u64).filter(|to| blocked[from as usize] >> to & 1 == 1) {
                self.special_of(from, to).filter(kinds, begins);
            }
        }
    }

    /// What is sent from or to `node` until then is kept.
    pub fn hold(&mut self, node: u64, until: Nanos, shuffled: bool) {
        self.around(node, |special| special.hold(until, shuffled));
    }

    /// What is sent to `node` until then takes this much longer, where it is of these kinds.
    pub fn lag(&mut self, node: u64, kinds: Kinds, by: Nanos, until: Nanos) {
        for other in (0..SIZE as u64).filter(|other| *other != node) {
            self.special_of(other, node).lag(kinds, by, until);
        }
    }

    /// The links to and from `node` have bounds for a while.
    pub fn narrow(&mut self, node: u64, narrow: Narrow) {
        self.around(node, |special| special.narrow(narrow));
    }

    /// Messages from and to `node` are corrupted for a while, so many in a million.
    pub fn corrupt(&mut self, node: u64, until: Nanos, ppm: u64) {
        self.around(node, |special| special.corrupt(until, ppm));
    }

    fn around(&mut self, node: u64, change: impl Fn(&mut Special)) {
        for other in (0..SIZE as u64).filter(|other| *other != node) {
            change(self.special_of(node, other));
            change(self.special_of(other, node));
        }
    }

    fn special_of(&mut self, from: u64, to: u64) -> &mut Special {
        self.links[from as usize][to as usize].is_special = true;
        self.special.entry((from, to)).or_default()
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
            link.is_special = false;
        }
        self.special.clear();
        self.settings.shape = DelayShape::Uniform;
        self.settings.drop_ppm = 0;
        self.settings.duplicate_ppm = 0;
        self.settings.late_ppm = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MessageKind;

    const PLAIN: LinkSettings = LinkSettings {
        delay: 10,
        spread: 100,
        late_ppm: 0,
        drop_ppm: 0,
        duplicate_ppm: 0,
        in_order: true,
        shape: DelayShape::Uniform,
    };

    const ANY: Series = Series { kind: 0, epoch: 0 };

    fn sent(
        network: &mut Network,
        choices: &mut Choices,
        link: (u64, u64),
        now: Nanos,
    ) -> [Option<Nanos>; 2] {
        network.send(choices, link, ANY, 1, now).arrivals
    }

    #[test]
    fn a_link_in_order_keeps_the_order() {
        let mut network = Network::new(PLAIN);
        let mut choices = Choices::from_seed(1);
        let mut last = 0;
        for now in 0..1_000 {
            let [first, second] = sent(&mut network, &mut choices, (0, 1), now);
            assert!(first.unwrap() >= last && second.is_none());
            last = first.unwrap();
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
        assert_eq!(sent(&mut network, &mut choices, (0, 1), 0)[0], None);
        network.trouble(1, deaf, false);
        assert_eq!(sent(&mut network, &mut choices, (0, 1), 0)[0], Some(1_010), "still slow");
        network.trouble(0, slow, false);
        assert_eq!(sent(&mut network, &mut choices, (1, 0), 0)[0], Some(10));
    }

    #[test]
    fn a_one_way_partition_is_counted_as_one() {
        let mut network = Network::new(PLAIN);
        let mut choices = Choices::from_seed(1);
        network.block(&Network::blocked_by(Split::Mute, 0, 3), true);
        sent(&mut network, &mut choices, (0, 1), 0);
        assert_eq!(network.counters.blocked_one_way, 1);
        network.block(&Network::blocked_by(Split::Isolate, 0, 3), true);
        sent(&mut network, &mut choices, (0, 1), 0);
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
        assert_eq!(sent(&mut network, &mut choices, (0, 1), 0)[0], None);
        assert!(sent(&mut network, &mut choices, (1, 0), 0)[0].is_some());
        network.block(&mute, false);
        assert!(sent(&mut network, &mut choices, (0, 1), 0)[0].is_some());
    }

    #[test]
    fn a_partition_by_kind_blocks_these_kinds_alone() {
        let mut network = Network::new(PLAIN);
        let mut choices = Choices::from_seed(1);
        let votes = Kinds::of(&[MessageKind::VoteRequest]);
        let isolate = Network::blocked_by(Split::Isolate, 0, 3);
        network.filter(&isolate, votes, true);
        let mut arrives = |network: &mut Network, link, kind: MessageKind| {
            let series = Series { kind: kind.number(), epoch: 1 };
            network.send(&mut choices, link, series, 1, 0).arrivals[0].is_some()
        };
        assert!(!arrives(&mut network, (0, 1), MessageKind::VoteRequest));
        assert!(arrives(&mut network, (0, 1), MessageKind::VoteAnswer));
        assert!(arrives(&mut network, (1, 2), MessageKind::VoteRequest), "another link");
        network.filter(&isolate, votes, false);
        assert!(arrives(&mut network, (0, 1), MessageKind::VoteRequest));
        assert_eq!(network.counters.filtered, 1);
    }

    #[test]
    fn what_is_held_comes_at_the_end_in_order_or_in_any() {
        let mut choices = Choices::from_seed(1);
        let mut arrivals = |shuffled| {
            let mut network = Network::new(LinkSettings { in_order: false, ..PLAIN });
            network.hold(0, 5_000, shuffled);
            let all: Vec<Nanos> = (0..20)
                .map(|now| sent(&mut network, &mut choices, (0, 1), now)[0].unwrap())
                .collect();
            assert!(all.iter().all(|arrival| *arrival >= 5_000));
            assert_eq!(network.counters.held, 20);
            assert!(sent(&mut network, &mut choices, (0, 1), 6_000)[0].unwrap() < 6_200);
            all.is_sorted()
        };
        assert_eq!((arrivals(false), arrivals(true)), (true, false));
    }

    #[test]
    fn what_lags_is_late_one_way_by_its_kind_and_keeps_nothing_back() {
        let mut choices = Choices::from_seed(1);
        let mut network = Network::new(LinkSettings { spread: 0, in_order: true, ..PLAIN });
        network.lag(1, Kinds::of(&[MessageKind::AppendAnswer]), 7_000, 1_000);
        let mut arrival = |link, kind: MessageKind, now| {
            let series = Series { kind: kind.number(), epoch: 1 };
            network.send(&mut choices, link, series, 1, now).arrivals[0].unwrap() - now
        };
        let least = PLAIN.delay;
        assert_eq!(arrival((0, 1), MessageKind::AppendAnswer, 0), least + 7_000);
        assert_eq!(arrival((0, 1), MessageKind::AppendRequest, 0), least, "it overtakes");
        assert_eq!(arrival((1, 0), MessageKind::AppendAnswer, 0), least, "the other way");
        assert_eq!(arrival((0, 1), MessageKind::AppendAnswer, 1_000), least, "it is over");
        assert_eq!(network.counters.lagged, 1);
    }

    #[test]
    fn a_narrow_link_loses_what_finds_it_full() {
        let mut choices = Choices::from_seed(1);
        let mut lost = |messages, bytes, size| {
            let mut network = Network::new(LinkSettings { spread: 0, ..PLAIN });
            network.narrow(0, Narrow { until: 1_000, messages, bytes });
            let send = |network: &mut Network, choices: &mut Choices, now| {
                network.send(choices, (0, 1), ANY, size, now).arrivals[0].is_none()
            };
            let first = (0..5).filter(|_| send(&mut network, &mut choices, 0)).count();
            assert!(!send(&mut network, &mut choices, 10), "the first ones have arrived");
            assert_eq!(network.counters.overflowed, first as u64);
            first
        };
        assert_eq!(lost(2, 1_000, 1), 3, "two fit");
        assert_eq!(lost(9, 100, 40), 3, "two of forty bytes fit in a hundred");
        assert_eq!(lost(9, 10, 40), 4, "one that is too long comes through alone");
    }

    #[test]
    fn corruption_hits_its_share_until_its_end() {
        let mut network = Network::new(PLAIN);
        let mut choices = Choices::from_seed(1);
        network.corrupt(1, 1_000, 500_000);
        let mut hit = |now| {
            let fate = network.send(&mut choices, (0, 1), ANY, 1, now);
            assert!(fate.arrivals[0].is_some(), "something arrives");
            fate.corruption.is_some()
        };
        let count = (0..1_000).filter(|now| hit(*now)).count();
        assert!((400..600).contains(&count), "{count}");
        assert!((1_000..2_000).all(|now| !hit(now)), "it is over");
    }
}
