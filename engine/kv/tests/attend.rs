//! What stands beside the log: no lease ends before its holder expects it, whoever leads, and each
//! ends at all.

mod common;

use std::collections::BTreeMap;

use proptest::prelude::*;
use quorate_core::{EntryRef, LogId, Payload};
use quorate_driver::StateMachine;
use quorate_kv::{
    Asked, Attendant, Command, EXPIRE_LIMIT, KeyRange, Kv, LeaseError, LeaseId, Operation, Outcome,
    PutLease, PutRequest, Response, TimeToLive, Txn, WatchId, WatchRequest,
};

const MS: u64 = 1_000_000;
const ONE: LeaseId = LeaseId(1);
const TWO: LeaseId = LeaseId(2);

/// A node: machine, and what stands beside it.
#[derive(Default)]
struct Node {
    kv: Kv,
    beside: Attendant,
    index: u64,
}

impl Node {
    /// A node that leads in term 1 and has begun to keep the time at `now`.
    fn leading(now: u64) -> Node {
        let mut node = Node::default();
        node.beside.leads(&node.kv, 1, now);
        node.apply(1, &Payload::Noop, now);
        node
    }

    fn apply(&mut self, term: u64, payload: &Payload, now: u64) -> (Response, Vec<WatchId>) {
        self.index += 1;
        let log_id = LogId::new(term, self.index);
        let response = self.kv.apply_entry(EntryRef { log_id, payload });
        let woken = self.beside.applied(&self.kv, log_id, &response, now);
        (response, woken)
    }

    fn run(&mut self, term: u64, command: &Command, now: u64) -> Option<Outcome> {
        let payload = Payload::Command(command.encode().expect("within the limits"));
        self.apply(term, &payload, now).0.outcome.expect("a command has an outcome").ok()
    }
}

fn grant(lease: LeaseId, ttl_ms: u64) -> Command {
    Command::LeaseGrant { lease, ttl_ms }
}

fn leases_of(command: Option<Command>) -> Vec<LeaseId> {
    match command {
        Some(Command::LeaseExpire { leases, .. }) => leases,
        Some(other) => panic!("{other:?} lets nothing expire"),
        None => Vec::new(),
    }
}

#[test]
fn what_has_run_out_is_proposed_once_until_the_log_has_ended_it() {
    let mut node = Node::leading(0);
    node.run(1, &grant(ONE, 300), 10 * MS);
    node.run(1, &grant(TWO, 300), 20 * MS);
    assert_eq!(node.beside.wake_at(), Some(310 * MS));
    assert_eq!(node.beside.due(310 * MS - 1), None);
    let proposed = node.beside.due(310 * MS).expect("one has run out");
    assert_eq!((node.beside.due(400 * MS), node.beside.wake_at()), (None, None));
    let ended = node.run(1, &proposed, 400 * MS);
    assert_eq!(ended, Some(Outcome::Ended { leases: vec![ONE], deleted: 0 }));
    assert_eq!(node.beside.wake_at(), Some(320 * MS));
    assert_eq!(leases_of(node.beside.due(400 * MS)), [TWO]);
    // Not proposed after all; an answer from a term before says nothing of this one.
    node.beside.refused(0);
    assert_eq!(node.beside.due(400 * MS), None);
    node.beside.refused(1);
    assert_eq!(leases_of(node.beside.due(400 * MS)), [TWO]);
}

#[test]
fn no_more_run_out_at_once_than_one_command_takes() {
    let mut node = Node::leading(0);
    for lease in 1..=u64::from(EXPIRE_LIMIT) + 5 {
        node.run(1, &grant(LeaseId(lease), 100), 0);
    }
    let first = node.beside.due(100 * MS).expect("all have run out");
    assert!(node.run(1, &first, 100 * MS).is_some(), "{first:?} is a command");
    assert_eq!(leases_of(node.beside.due(100 * MS)).len(), 5);
}

#[test]
fn a_leader_keeps_time_once_it_has_applied_an_entry_of_its_own_term() {
    let mut node = Node::default();
    node.run(1, &grant(ONE, 300), 0);
    node.beside.leads(&node.kv, 3, 1_000 * MS);
    // What an older leader decided may still be in the log, as this grant is.
    node.run(1, &grant(TWO, 300), 1_100 * MS);
    assert_eq!((node.beside.wake_at(), node.beside.due(9_000 * MS)), (None, None));
    let asked = node.beside.keep_alive(ONE, 1_100 * MS).expect("it leads");
    assert_eq!(node.beside.confirmed(asked), Err(LeaseError::NotLeading));
    node.apply(3, &Payload::Noop, 1_200 * MS);
    assert_eq!(node.beside.wake_at(), Some(1_500 * MS), "both have their full time");
    // Told late that it leads, and told again: the same.
    node.beside.follows();
    assert_eq!(node.beside.wake_at(), None);
    node.beside.leads(&node.kv, 3, 1_300 * MS);
    node.beside.leads(&node.kv, 3, 1_400 * MS);
    assert_eq!(node.beside.wake_at(), Some(1_600 * MS));
}

#[test]
fn what_one_leader_decided_is_nothing_to_the_term_of_another() {
    let mut node = Node::leading(0);
    node.run(1, &grant(ONE, 300), 0);
    let stale = node.beside.due(300 * MS).expect("it has run out");
    // It is proposed late, when the same node leads again and has given the lease its full time.
    node.beside.leads(&node.kv, 2, 310 * MS);
    node.apply(2, &Payload::Noop, 310 * MS);
    assert_eq!(node.run(2, &stale, 320 * MS), Some(Outcome::Ended { leases: vec![], deleted: 0 }),);
    assert_eq!(leases_of(node.beside.due(610 * MS)), [ONE]);
}

#[test]
fn a_lease_that_was_granted_behind_the_decision_does_not_end_by_it() {
    let mut node = Node::leading(0);
    node.run(1, &grant(ONE, 300), 0);
    let expire = node.beside.due(300 * MS).expect("it has run out");
    // These were in the log before it.
    node.run(1, &Command::LeaseRevoke { lease: ONE }, 300 * MS);
    node.run(1, &grant(ONE, 500), 301 * MS);
    assert_eq!(node.run(1, &expire, 302 * MS), Some(Outcome::Ended { leases: vec![], deleted: 0 }),);
    assert_eq!(node.beside.wake_at(), Some(801 * MS));
    assert_eq!(leases_of(node.beside.due(801 * MS)), [ONE]);
}

#[test]
fn a_keep_alive_counts_from_when_it_was_asked_and_only_once_confirmed() {
    let mut node = Node::leading(0);
    node.run(1, &grant(ONE, 300), 0);
    let (early, late) =
        (node.beside.keep_alive(ONE, 100 * MS), node.beside.keep_alive(ONE, 200 * MS));
    assert_eq!(node.beside.wake_at(), Some(300 * MS), "nothing is confirmed");
    assert_eq!(node.beside.confirmed(late.expect("it leads")), Ok(300));
    assert_eq!(node.beside.confirmed(early.expect("it leads")), Ok(300));
    assert_eq!(node.beside.wake_at(), Some(500 * MS), "the later one stands");
    let left = node.beside.time_to_live(&node.kv, ONE, 450 * MS);
    assert_eq!(left, Ok(TimeToLive { granted_ms: 300, left_ms: 50 }));
    // The clock was set back.
    let left = node.beside.time_to_live(&node.kv, ONE, 50 * MS);
    assert_eq!(left, Ok(TimeToLive { granted_ms: 300, left_ms: 300 }));
    let gone = Err(LeaseError::NotFound { lease: TWO });
    assert_eq!(node.beside.time_to_live(&node.kv, TWO, 450 * MS), gone);
    // Asked in time, confirmed when its end is proposed: it cannot be promised any more.
    let asked = node.beside.keep_alive(ONE, 499 * MS).expect("it leads");
    assert_eq!(leases_of(node.beside.due(500 * MS)), [ONE]);
    assert_eq!(node.beside.confirmed(asked), Err(LeaseError::NotFound { lease: ONE }));
    // Asked of a leader that has gone meanwhile, though it is back.
    node.beside.follows();
    node.beside.leads(&node.kv, 3, 500 * MS);
    node.apply(3, &Payload::Noop, 500 * MS);
    assert_eq!(node.beside.confirmed(asked), Err(LeaseError::NotLeading));
    node.beside.follows();
    assert_eq!(node.beside.keep_alive(ONE, 500 * MS), Err(LeaseError::NotLeading));
}

#[test]
fn a_snapshot_forgets_no_lease_and_leaves_no_expiry_under_way_for_ever() {
    let mut node = Node::leading(0);
    node.run(1, &grant(ONE, 300), 0);
    node.run(1, &grant(TWO, 300), 0);
    let mut ahead = Node { kv: node.kv.clone(), index: node.index, ..Node::default() };
    let expire = node.beside.due(300 * MS).expect("both have run out");
    ahead.run(1, &expire, 300 * MS);
    ahead.run(1, &grant(ONE, 700), 310 * MS);
    let last = LogId::new(1, ahead.index);
    (node.kv, node.index) = (ahead.kv, ahead.index);
    node.beside.installed(&node.kv, last, 400 * MS);
    assert_eq!(node.beside.wake_at(), Some(1_100 * MS));
    assert_eq!(leases_of(node.beside.due(1_100 * MS)), [ONE]);
    // Of a term before: it must see an entry of its own first.
    node.beside.leads(&node.kv, 2, 1_200 * MS);
    node.beside.installed(&node.kv, last, 1_200 * MS);
    assert_eq!(node.beside.wake_at(), None);
}

#[test]
fn the_end_of_a_lease_is_told_to_watches_at_its_revision() {
    let mut node = Node::leading(0);
    let request = WatchRequest::new(KeyRange::ALL);
    let id = node.beside.watches().begin(&node.kv, request).expect("a range");
    node.run(1, &grant(ONE, 300), 0);
    for key in ["a", "b"] {
        let put = PutRequest { lease: PutLease::Lease(ONE), ..PutRequest::new(key, "") };
        node.run(1, &Command::Txn(Txn::of(Operation::Put(put))), 0);
    }
    assert_eq!(node.beside.watches().read(&node.kv, id, 9).unwrap().unwrap().changes.len(), 2);
    let expire = node.beside.due(300 * MS).expect("it has run out").encode().expect("a command");
    let (response, woken) = node.apply(1, &Payload::Command(expire), 300 * MS);
    assert_eq!(woken, [id]);
    let told = node.beside.watches().read(&node.kv, id, 9).unwrap().unwrap().changes;
    let told: Vec<_> = told.iter().map(|one| (one.key.as_ref(), one.revision)).collect();
    assert_eq!(told, [(&b"a"[..], response.revision), (&b"b"[..], response.revision)]);
    assert!(node.kv.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    /// A client sends a command.
    Send(Command),
    Ask(LeaseId),
    /// The leader is shown to have led on when one of those asked.
    Confirm(usize),
    Due,
    /// One of the commands under way comes into the log, in the term in which it was sent if that
    /// can be.
    Commit(usize, bool),
    /// Another node leads, or the same one again, in a new term.
    Turn(usize),
    /// Its first own entry.
    Begin,
}

fn step() -> impl Strategy<Value = Step> {
    let lease = || (1_u64..3).prop_map(LeaseId);
    prop_oneof![
        4 => (0_u64..120).prop_map(Step::Pass),
        3 => (lease(), 100_u64..300).prop_map(|(lease, ttl_ms)| Step::Send(grant(lease, ttl_ms))),
        1 => lease().prop_map(|lease| Step::Send(Command::LeaseRevoke { lease })),
        3 => lease().prop_map(Step::Ask),
        3 => any::<usize>().prop_map(Step::Confirm),
        3 => Just(Step::Due),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(nth, old)| Step::Commit(nth, old)),
        1 => (0_usize..2).prop_map(Step::Turn),
        2 => Just(Step::Begin),
    ]
}

/// Two nodes with one log, and what holders of leases may believe.
struct Group {
    nodes: [Node; 2],
    leader: usize,
    term: u64,
    /// Of the last entry.
    last_term: u64,
    now: u64,
    /// Commands under way, with the time and term of their sending.
    under_way: Vec<(Command, u64, u64)>,
    /// Keep-alives that are not confirmed yet, with the time of asking.
    asked: Vec<(Asked, LeaseId, u64)>,
    /// Until when a lease must live.
    until: BTreeMap<LeaseId, u64>,
}

impl Group {
    fn new() -> Group {
        let nodes = [Node::leading(0), Node::default()];
        let (under_way, asked, until) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut group =
            Group { nodes, leader: 0, term: 1, last_term: 1, now: 0, under_way, asked, until };
        group.nodes[1].apply(1, &Payload::Noop, 0);
        group
    }

    fn append(&mut self, term: u64, payload: &Payload) -> Response {
        self.last_term = term;
        let now = self.now;
        let [first, second] = &mut self.nodes;
        first.apply(term, payload, now);
        second.apply(term, payload, now).0
    }

    fn commit(&mut self, nth: usize, old: bool) -> Result<(), TestCaseError> {
        if self.under_way.is_empty() {
            return Ok(());
        }
        let (command, at, sent_in) = self.under_way.remove(nth % self.under_way.len());
        let term = if old && sent_in >= self.last_term { sent_in } else { self.term };
        let bytes = command.encode().expect("within the limits");
        let is_expiry = matches!(command, Command::LeaseExpire { .. });
        match self.append(term, &Payload::Command(bytes)).outcome {
            Some(Ok(Outcome::Granted { lease, ttl_ms })) => {
                self.until.insert(lease, at + ttl_ms * MS);
            }
            Some(Ok(Outcome::Ended { leases, .. })) => {
                for lease in leases {
                    let until = self.until.remove(&lease).unwrap_or_default();
                    prop_assert!(!is_expiry || self.now >= until, "{} before {until}", self.now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let (now, term) = (self.now, self.term);
        match step {
            Step::Pass(millis) => self.now += millis * MS,
            Step::Send(command) => self.under_way.push((command, now, term)),
            Step::Ask(lease) => {
                let asked = self.nodes[self.leader].beside.keep_alive(lease, now);
                self.asked.push((asked.expect("it leads"), lease, now));
            }
            // A read barrier also needs an entry of the leader's own term.
            Step::Confirm(nth) if !self.asked.is_empty() && self.last_term == term => {
                let (asked, lease, at) = self.asked.remove(nth % self.asked.len());
                if let Ok(ttl_ms) = self.nodes[self.leader].beside.confirmed(asked) {
                    let until = self.until.entry(lease).or_default();
                    *until = (*until).max(at + ttl_ms * MS);
                }
            }
            Step::Confirm(_) => {}
            Step::Due => {
                if let Some(command) = self.nodes[self.leader].beside.due(now) {
                    self.under_way.push((command, now, term));
                }
            }
            Step::Commit(nth, old) => self.commit(nth, old)?,
            Step::Turn(leader) => {
                self.nodes[self.leader].beside.follows();
                (self.leader, self.term) = (leader, term + 1);
                let node = &mut self.nodes[leader];
                node.beside.leads(&node.kv, self.term, now);
            }
            Step::Begin => drop(self.append(term, &Payload::Noop)),
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_lease_ends_early_and_each_ends(steps in proptest::collection::vec(step(), 0..80)) {
        let mut group = Group::new();
        for step in steps {
            group.step(step)?;
        }
        // In peace all end.
        group.step(Step::Begin)?;
        while !group.under_way.is_empty() {
            group.commit(0, false)?;
        }
        group.step(Step::Turn(1))?;
        group.step(Step::Begin)?;
        group.step(Step::Pass(300))?;
        group.step(Step::Due)?;
        group.step(Step::Commit(0, true))?;
        prop_assert_eq!(group.nodes[0].kv.leases().count(), 0);
        prop_assert_eq!(&group.nodes[0].kv, &group.nodes[1].kv);
    }
}
