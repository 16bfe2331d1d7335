//! A cluster with everything around it, and the one queue of events that moves it.
//!
//! A run is a loop: take the next event, hand it to the node or client that it concerns, take what
//! follows from it, judge it.

mod atlas;
mod beside;
mod clients;
mod disk_work;
mod events;
mod faults;
mod judge;
mod life;
mod operations;
mod outcomes;
mod pump;
mod recovery;
mod replace;
mod snapshots;
mod stages;
mod stats;
mod storage;
mod tell;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use quorate_core::{Configuration, LogId, Nanos, RequestId};

use crate::{
    case::{Case, PlannedOperation},
    choices::{Choices, Series, Stream},
    client::Client,
    hash::{mix, mix_bytes},
    history::History,
    marks::{Mark, Marks},
    network::Network,
    node::Node,
    oracle::{Oracles, Violation},
    plan::{Pattern, Plan, Planned},
    profile::{Profile, SECOND, Settings},
    queue::Queue,
    system::{KvSystem, System},
    trace::Trace,
};

pub use events::Upcoming;
use events::{Event, Order, Request, Trigger, Work};
pub use faults::Strike;
use stages::Stage;
pub use stats::Stats;
use wire::Recorder;

#[cfg(test)]
mod tests;

/// After everything has healed, the group has this many election timeouts to elect a leader, commit
/// a new write and bring every node to the same state.
pub const LIVENESS_TIMEOUTS: u64 = 40;
/// More events than this at one moment mean that something spins.
const SPIN_LIMIT: u64 = 200_000;

/// What decides a run: everything else follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// All drawn numbers follow from it.
    pub seed: u64,
    /// Which kinds of trouble.
    pub profile: Profile,
    /// How many nodes; drawn where none is given.
    pub nodes: Option<u64>,
    /// How long; two thirds have faults, then everything heals and the run ends once all is well,
    /// or when [`LIVENESS_TIMEOUTS`] are over.
    pub time: Nanos,
}

impl Recipe {
    /// A swarm run of 20 seconds.
    pub fn new(seed: u64) -> Recipe {
        Recipe { seed, profile: Profile::Swarm, nodes: None, time: 20 * SECOND }
    }
}

/// A cluster and its surroundings.
pub struct World<S: System = KvSystem> {
    system: S,
    settings: Settings,
    plan: Plan,
    choices: Choices,
    queue: Queue<Event<S::Answer>>,
    now: Nanos,
    hash: u64,
    nodes: Vec<Node<S>>,
    founding: Arc<Configuration>,
    network: Network,
    oracles: Oracles,
    clients: Vec<Client<S::Operation>>,
    /// Which faults have struck, and when.
    strikes: Vec<Strike>,
    /// What clients have begun.
    begun: Vec<PlannedOperation<S::Operation>>,
    /// The places of writes of which clients were told.
    acknowledged: Vec<LogId>,
    moment: u64,
    next_request: RequestId,
    requests: BTreeMap<RequestId, Request>,
    /// What operators asked for.
    orders: BTreeMap<RequestId, Order>,
    triggers: Vec<Trigger>,
    /// Faults whose event has come, with its cause.
    struck: Vec<(usize, u64)>,
    healed_at: Option<Nanos>,
    /// How much longer than a few election timeouts the group may take to come back.
    work_due: Nanos,
    damaged_restarted: bool,
    /// Whose disk hangs on when all else has healed.
    hung: Option<u64>,
    /// The most bytes that a client proposed at once.
    longest_command: u64,
    /// How far the recovery has got.
    stage: Stage,
    write_since_heal: bool,
    finished: bool,
    stats: Stats,
    marks: Marks,
    trace: Option<Box<Trace>>,
    scratch: Vec<u8>,
    same_moment: u64,
    /// Whose last step the rules of single steps have seen already.
    judged: Option<u64>,
    /// Whether the step that is being judged is an apply.
    applying: bool,
    /// Whether somebody looks after machines that are gone.
    tending: bool,
    /// Whether a disk has forgotten without a trace what it had synced.
    forgot: bool,
    /// Whether the event that is being taken in has waited for its process.
    served: bool,
    /// What was sent, where a fault may repeat it.
    recorder: Option<Recorder<S::Answer>>,
}

/// What a client is to do, where that is given.
fn list_of<O: Clone>(
    operations: &Option<Vec<PlannedOperation<O>>>,
    client: u64,
) -> Option<VecDeque<PlannedOperation<O>>> {
    let operations = operations.as_ref()?;
    Some(operations.iter().filter(|operation| operation.client == client).cloned().collect())
}

impl World {
    /// A world of the key-value machine at its start.
    ///
    /// # Errors
    /// Where a node does not start.
    pub fn new(recipe: Recipe) -> Result<World, Violation> {
        World::of(Case::new(recipe))
    }

    /// What clients saw so far.
    pub fn history(&self) -> &History {
        &self.system.history
    }
}

impl<S: System> World<S> {
    /// What is replicated, and its oracle with what it has seen.
    pub fn system(&self) -> &S {
        &self.system
    }

    /// A world as a case has it.
    ///
    /// # Errors
    /// Where a node does not start.
    pub fn of(case: Case<S>) -> Result<World<S>, Violation> {
        let choices = case.choices();
        World::with(choices, case)
    }

    /// A world as a case has it, with another source of chance.
    ///
    /// # Errors
    /// Where a node does not start.
    pub fn with(mut choices: Choices, case: Case<S>) -> Result<World<S>, Violation> {
        let Case { mut system, settings, plan, operations, .. } = case;
        system.prepare(&settings);
        let nodes: Vec<Node<S>> =
            (0..settings.all_nodes()).map(|n| Node::new(&mut choices, &settings, n)).collect();
        let clients = settings.workload.clients;
        let mut world = World {
            system,
            founding: Arc::new(Configuration::new(
                nodes.iter().take(settings.nodes as usize).map(|node| node.id),
            )),
            network: Network::new(settings.link),
            oracles: Oracles::new(settings.all_nodes()),
            clients: (0..clients)
                .map(|client| Client::new(client, list_of(&operations, client)))
                .collect(),
            settings,
            plan,
            choices,
            queue: Queue::default(),
            now: 0,
            hash: 0,
            nodes,
            begun: Vec::new(),
            acknowledged: Vec::new(),
            strikes: Vec::new(),
            moment: 0,
            next_request: 1,
            requests: BTreeMap::new(),
            orders: BTreeMap::new(),
            triggers: Vec::new(),
            struck: Vec::new(),
            healed_at: None,
            work_due: 0,
            damaged_restarted: false,
            hung: None,
            longest_command: 0,
            stage: if settings.rest > 0 { Stage::Rest } else { Stage::Whole },
            write_since_heal: false,
            finished: false,
            stats: Stats::default(),
            marks: Marks::default(),
            trace: None,
            scratch: Vec::new(),
            same_moment: 0,
            judged: None,
            applying: false,
            tending: false,
            forgot: false,
            served: false,
            recorder: None,
        };
        world.schedule_plan();
        for client in 0..clients {
            world.schedule_next(client);
        }
        for node in 0..world.settings.first_nodes() {
            world.start(node)?;
        }
        Ok(world)
    }

    /// What the seed was expanded to.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The faults.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// True time, which no node sees.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// A hash over everything that has happened, message bytes included.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats.simulated = self.now;
        stats.elections = self.oracles.election.count();
        stats.commits = self.oracles.log.last_committed();
        stats.messages = self.network.counters.sent;
        stats.searches_given_up = self.system.searches_given_up();
        stats
    }

    /// The operations that clients began so far, as a case lists them.
    pub fn begun(&self) -> &[PlannedOperation<S::Operation>] {
        &self.begun
    }

    /// The faults that struck so far.
    pub fn strikes(&self) -> &[Strike] {
        &self.strikes
    }

    /// Gives the source of chance back: with what it recorded, or to be advanced.
    pub fn into_choices(self) -> Choices {
        self.choices
    }

    /// Takes the next event in; false once the run is over.
    ///
    /// # Errors
    /// The first property that does not hold.
    pub fn step(&mut self) -> Result<bool, Violation> {
        if self.finished {
            return Ok(false);
        }
        let Some((at, number, event)) = self.queue.pop() else { return Ok(false) };
        self.same_moment = if at > self.now { 0 } else { self.same_moment + 1 };
        if self.same_moment > SPIN_LIMIT {
            let what = format!("more than {SPIN_LIMIT} events at one moment, lastly {event:?}");
            return Err(Violation::Stuck { timeouts: 0, what });
        }
        self.now = at;
        self.system.at(at);
        self.stats.events += 1;
        if let Some(trace) = &mut self.trace {
            trace.handle(number, at, self.stats.events);
        }
        if let Err(violation) = self.dispatch(event) {
            self.finished = self.excuses(&violation);
            return if self.finished { Ok(false) } else { Err(violation) };
        }
        while let Some((planned, cause)) = self.struck.pop() {
            self.strike(planned, cause);
        }
        Ok(!self.finished)
    }

    /// Adds an event `delay` from now.
    fn push(&mut self, delay: Nanos, event: Event<S::Answer>) {
        self.push_at(self.now + delay, event);
    }

    fn push_at(&mut self, at: Nanos, event: Event<S::Answer>) {
        let [tie] = self.choices.keyed(Stream::Ties, mix(at, event.key()), [1 << 16]);
        let number = self.queue.push(at, tie as u32, event);
        if let Some(trace) = &mut self.trace {
            trace.queued(number);
        }
    }

    /// How long some work of a node takes, or what else is drawn for it; below `bound`.
    fn work(&mut self, node: u64, work: Work, bound: u64) -> u64 {
        let life = self.nodes[node as usize].life.as_ref();
        let epoch = life.map_or(0, |life| life.view.term);
        let series = Series { kind: work as u64, epoch };
        let [drawn] = self.choices.next_of(Stream::Process(node), series, [bound]);
        drawn
    }

    /// Mixes what happens into the run's hash.
    fn note(&mut self, what: u64, who: u64, bytes: &[u8]) {
        self.hash = mix(mix(mix(self.hash, what), self.now), who);
        if !bytes.is_empty() {
            self.hash = mix_bytes(self.hash, bytes);
        }
    }

    /// Whoever leads the newest term; node 0 where none does.
    fn leader(&self) -> u64 {
        self.oracles.election.newest().map_or(0, |(_, node)| node)
    }

    /// Postpones an event for a process that stands still.
    fn postponed(&mut self, node: u64, event: impl FnOnce() -> Event<S::Answer>) -> bool {
        let until = self.nodes[node as usize].paused_until;
        if until <= self.now {
            return self.queued(node, event);
        }
        self.marks.reach(Mark::Paused);
        self.tell_held(node);
        self.push_at(until, event());
        true
    }

    /// Queues an event of a process whose steps take long behind those that came before.
    fn queued(&mut self, node: u64, event: impl FnOnce() -> Event<S::Answer>) -> bool {
        let slow = &mut self.nodes[node as usize].slow;
        if slow.until <= self.now || self.served {
            return false;
        }
        slow.busy_until = slow.busy_until.max(self.now).saturating_add(slow.by).min(slow.until);
        let at = slow.busy_until;
        self.marks.reach(Mark::StepSlowed);
        self.push_at(at, Event::Served(Box::new(event())));
        true
    }

    /// Something was done that a fault may wait for.
    fn observe(&mut self, pattern: Pattern, node: u64) {
        if self.triggers.is_empty() {
            return;
        }
        let now = self.now;
        let mut struck = Vec::new();
        self.triggers.retain_mut(|trigger| {
            if trigger.pattern != pattern || now < trigger.after {
                return true;
            }
            trigger.left -= 1;
            if trigger.left == 0 {
                struck.push(trigger.planned);
            }
            trigger.left > 0
        });
        for planned in struck {
            // A crash ends what the node is doing, so it waits until that has stopped; anything
            // else strikes in the middle of it.
            if self.planned(planned).is_some_and(|planned| planned.fault.is_crash()) {
                self.struck.push((planned, node));
            } else {
                self.marks.reach(Mark::CutOnEvent);
                self.strike(planned, node);
            }
        }
    }

    fn planned(&self, planned: usize) -> Option<Planned> {
        self.plan.faults.get(planned).copied()
    }

    /// What was reached, from what was counted.
    pub fn marks(&self) -> Marks {
        let mut marks = self.marks.clone();
        let network = self.network.counters;
        marks.add(Mark::MessageLost, network.dropped);
        marks.add(Mark::PartitionBlocked, network.blocked);
        marks.add(Mark::MessageRepeated, network.duplicated);
        marks.add(Mark::MessageOvertook, network.reordered);
        marks.add(Mark::OneWayBlocked, network.blocked_one_way);
        marks.add(Mark::LinkSlowed, network.slowed);
        marks.add(Mark::KindBlocked, network.filtered);
        marks.add(Mark::MessageHeld, network.held);
        marks.add(Mark::LinkFull, network.overflowed);
        marks.add(Mark::KindLate, network.lagged);
        self.system.reached().into_iter().for_each(|(mark, count)| marks.add(mark, count));
        for node in &self.nodes {
            stats::mark_disk(&mut marks, node.disk.counters());
            if let Some(life) = &node.life {
                stats::mark_driver(&mut marks, life.driver.counters());
            }
        }
        marks
    }
}
