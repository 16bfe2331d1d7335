//! The way from the faults to a violation, walked back through what led to what.
//!
//! A link says "would not have happened so without": the record that led to another one, the fault
//! that was in force, the fault that struck the node before, the state that the node was in, the
//! message that did not come. A way from a fault to the violation is one by which it *can* have
//! had its effect; that nothing else would have done the same is what shrinking shows.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Fate, Record, RecordId, What};

/// The most steps that a story has, besides what the violation itself rests on.
pub const STEPS_MAX: usize = 60;
/// The most steps from what led to a violation back to something that happened of itself.
const CHAIN_MAX: usize = 32;
/// The most messages that did not come of which a timer is the sequel.
const MISSED_MAX: usize = 3;

/// What it costs to go back over a link: the way with the most telling links is the shortest.
const LED_TO: u64 = 1;
const DID_NOT_COME: u64 = 3;
const STRUCK_BEFORE: u64 = 4;
const STOOD_SO: u64 = 6;

/// How a violation came about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// The steps, in the order of time; the violation is the last.
    pub steps: Vec<Step>,
    /// How many faults struck before and are on no step.
    pub faults_left_out: usize,
}

/// A step of a [`Story`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happened.
    pub record: RecordId,
    /// The earlier steps that led to it.
    pub from: Vec<RecordId>,
}

type Links = Vec<(RecordId, u64)>;

/// The story of the last violation among the records; none without one.
///
/// Records must be all of a run from its start.
pub fn story(records: &[Record]) -> Option<Story> {
    let end = records.iter().rposition(|record| matches!(record.what, What::Violation { .. }))?;
    let records = &records[..=end];
    let links = Linker::default().all(records);
    let mut chosen = BTreeSet::from([end as RecordId]);
    let mut pairs = BTreeSet::new();
    let roots = records[end].cause.into_iter().chain(records[end].with.iter().copied());
    for root in roots {
        pairs.insert((root, end as RecordId));
        chain(records, root, &mut chosen, &mut pairs);
    }
    let (costs, next) = back(&links, &chosen);
    let is_fault = |record: &&Record| matches!(record.what, What::Fault { .. });
    let mut faults: Vec<&Record> = records.iter().filter(is_fault).collect();
    faults.sort_by_key(|fault| (costs[fault.id as usize], fault.id));
    let mut left_out = 0;
    for fault in faults {
        let way = way(&next, fault.id);
        let new = way.iter().filter(|(id, _)| !chosen.contains(id)).count();
        if costs[fault.id as usize] == u64::MAX || chosen.len() + new > STEPS_MAX {
            left_out += usize::from(!chosen.contains(&fault.id));
            continue;
        }
        chosen.extend(way.iter().map(|(id, _)| *id));
        pairs.extend(way);
    }
    let from = |id: RecordId| {
        let led = pairs.iter().filter(|(_, to)| *to == id).map(|(from, _)| *from);
        led.filter(|from| chosen.contains(from)).collect()
    };
    let steps = chosen.iter().map(|id| Step { record: *id, from: from(*id) }).collect();
    Some(Story { steps, faults_left_out: left_out })
}

/// Whether it happens of itself, or is where a reader would begin to tell.
fn is_root(what: &What) -> bool {
    matches!(
        what,
        What::Timer { .. }
            | What::Begin { .. }
            | What::Fault { .. }
            | What::Heal
            | What::Start { .. }
    )
}

/// From a record back to something that happened of itself.
fn chain(
    records: &[Record],
    from: RecordId,
    chosen: &mut BTreeSet<RecordId>,
    pairs: &mut BTreeSet<(RecordId, RecordId)>,
) {
    let mut at = from;
    for _ in 0..CHAIN_MAX {
        chosen.insert(at);
        let record = &records[at as usize];
        let Some(cause) = record.cause.filter(|_| !is_root(&record.what)) else { return };
        pairs.insert((cause, at));
        at = cause;
    }
}

/// For each record what the cheapest way from it to what is chosen already costs, and its next step.
/// Links point to earlier records only, so one pass from the end finds them.
fn back(links: &[Links], chosen: &BTreeSet<RecordId>) -> (Vec<u64>, Vec<Option<RecordId>>) {
    let (mut costs, mut next) = (vec![u64::MAX; links.len()], vec![None; links.len()]);
    chosen.iter().for_each(|id| costs[*id as usize] = 0);
    for at in (0..links.len()).rev() {
        let cost = costs[at];
        if cost == u64::MAX {
            continue;
        }
        for (to, more) in &links[at] {
            if cost + more < costs[*to as usize] {
                costs[*to as usize] = cost + more;
                next[*to as usize] = Some(at as RecordId);
            }
        }
    }
    (costs, next)
}

/// The pairs of records from `from` to the end.
fn way(next: &[Option<RecordId>], from: RecordId) -> Vec<(RecordId, RecordId)> {
    let mut at = from;
    let mut pairs = Vec::new();
    while let Some(to) = next[at as usize] {
        pairs.push((at, to));
        at = to;
    }
    pairs
}

/// Finds the links back from each record.
#[derive(Default)]
struct Linker {
    /// The last fault that struck each node.
    struck: BTreeMap<u64, RecordId>,
    /// The last change of each node's state.
    state: BTreeMap<u64, RecordId>,
    /// Messages that did not come to each node since it last heard something.
    missed: BTreeMap<u64, Vec<RecordId>>,
    /// From whom each node heard last.
    heard: BTreeMap<u64, u64>,
    /// The last end of each node's process.
    ended: BTreeMap<u64, RecordId>,
}

impl Linker {
    fn all(mut self, records: &[Record]) -> Vec<Links> {
        records
            .iter()
            .map(|record| {
                let links = self.of(record);
                self.pass(record);
                links.into_iter().filter(|(to, _)| *to < record.id).collect()
            })
            .collect()
    }

    fn of(&self, record: &Record) -> Links {
        let mut links: Links = record.cause.iter().map(|cause| (*cause, LED_TO)).collect();
        links.extend(record.with.iter().map(|with| (*with, LED_TO)));
        let nodes = match &record.what {
            What::Fault { nodes, .. } | What::Violation { nodes, .. } => nodes.clone(),
            what => what.node().into_iter().collect(),
        };
        for node in nodes {
            links.extend(self.struck.get(&node).map(|struck| (*struck, STRUCK_BEFORE)));
            links.extend(self.state.get(&node).map(|state| (*state, STOOD_SO)));
        }
        if let What::Timer { node } = &record.what {
            let missed = self.missed.get(node).into_iter().flatten().rev().take(MISSED_MAX);
            links.extend(missed.map(|send| (*send, DID_NOT_COME)));
            let ended = self.heard.get(node).and_then(|from| self.ended.get(from));
            links.extend(ended.map(|end| (*end, DID_NOT_COME)));
        }
        links
    }

    fn pass(&mut self, record: &Record) {
        let id = record.id;
        match &record.what {
            What::Fault { nodes, .. } => {
                for node in nodes {
                    self.struck.insert(*node, id);
                }
            }
            What::State { node, .. } => {
                self.state.insert(*node, id);
            }
            What::Crash { node, .. } => {
                self.ended.insert(*node, id);
            }
            What::Send { to, fate: Fate::Lost | Fate::Blocked, .. } => {
                self.missed.entry(*to).or_default().push(id);
            }
            What::Deliver { node, from, heard: true, .. } => {
                self.missed.remove(node);
                self.heard.insert(*node, *from);
            }
            _ => {}
        }
    }
}
