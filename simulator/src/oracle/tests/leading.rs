//! The rules of single steps: what a leader may do.

use quorate_core::{
    Action, Config, Event, Flow, Input, Peer, Persisted, Raft, Status, Timestamp, commands,
};

use super::{
    rules::{MS, TIMEOUT, config, follower, rule, step},
    *,
};
use crate::oracle::{
    leading::{self, Leading},
    rules::Rules,
    step::{Heard, Seen},
};

/// Node 1 as the leader of three, in term 2.
fn leader() -> Raft {
    let persisted = Persisted::Bootstrap { configuration: Arc::new(all(3)), incarnation: 1 };
    let mut raft = Raft::restore(config(), persisted, Timestamp(0)).unwrap();
    let mut inputs = vec![Input::Tick];
    let mut at = Timestamp(0);
    while raft.status().role != RoleKind::Leader {
        let actions: Vec<Action> =
            inputs.drain(..).flat_map(|input| raft.step(Event { at, input })).collect();
        let term = raft.status().term;
        for action in actions {
            match action {
                Action::Write(write) => inputs.push(Input::Written { seq: write.seq }),
                Action::Send { to, message } => {
                    let answer = |request: VoteRequest| VoteAnswer {
                        granted: true,
                        campaign: request.campaign,
                    };
                    let body = match message.body {
                        Body::PreVoteRequest(request) => Body::PreVoteAnswer(answer(request)),
                        Body::VoteRequest(request) => Body::VoteAnswer(answer(request)),
                        _ => continue,
                    };
                    inputs.push(Input::Receive { from: to, message: Message { term, body } });
                }
                _ => {}
            }
        }
        if inputs.is_empty() {
            at = raft.deadline().unwrap();
            inputs.push(Input::Tick);
        }
    }
    raft
}

/// A leader whose peers are known to hold `matches` of its log.
struct Shown {
    raft: Raft,
    peers: Vec<Peer>,
}

impl Shown {
    fn new(matches: [Index; 2]) -> Shown {
        let raft = leader();
        let mut peers = raft.status().peers.to_vec();
        peers.iter_mut().zip(matches).for_each(|(peer, index)| peer.match_index = index);
        Shown { raft, peers }
    }

    fn status(&self) -> Status<'_> {
        Status { peers: &self.peers, ..self.raft.status() }
    }
}

/// Judges `heard` at `now`, after which the leader shows `status`.
fn led(
    leading: &mut Leading,
    heard: Heard,
    now: u64,
    before: Option<Seen>,
    status: &Status<'_>,
) -> Result<(), Violation> {
    let (config, after) = (config(), Seen::of(NodeId::of(1), status));
    leading.step(&step(&config, heard, before.unwrap_or(after), after, now), status)
}

#[test]
fn a_leader_that_no_quorum_answers_goes() {
    let shown = Shown::new([0, 0]);
    let judged = |heard_at: Option<u64>, now| {
        let (mut leading, status) = (Leading::default(), shown.status());
        led(&mut leading, Heard::Other, 0, Some(follower()), &status)?;
        let heard = Heard::Appended(NodeId::of(2), 2, 0);
        heard_at.map_or(Ok(()), |at| led(&mut leading, heard, at, None, &status))?;
        led(&mut leading, Heard::Tick, now, None, &status)
    };
    assert_eq!(judged(None, TIMEOUT), Ok(()), "it has just begun");
    assert_eq!(rule(judged(None, TIMEOUT + 1)), Some(Property::LeaderContact));
    assert_eq!(judged(Some(300 * MS), TIMEOUT + 1), Ok(()));
    assert_eq!(rule(judged(Some(300 * MS), 800 * MS + 1)), Some(Property::LeaderContact));
}

#[test]
fn a_match_rises_by_answers_of_the_term_alone() {
    let mut leading = Leading::default();
    let mut judged =
        |heard, matches| led(&mut leading, heard, 0, None, &Shown::new(matches).status());
    let answer = |term, index| Heard::Appended(NodeId::of(2), term, index);
    let wrong = Some(Property::MatchRule);
    assert_eq!(rule(judged(Heard::Other, [1, 0])), wrong, "nobody said so");
    assert_eq!(rule(judged(answer(1, 1), [1, 0])), wrong, "of an earlier term");
    assert_eq!(rule(judged(answer(2, 1), [2, 0])), wrong, "more than it said");
    assert_eq!(rule(judged(answer(2, 1), [0, 1])), wrong, "another one");
    assert_eq!(judged(answer(2, 1), [1, 0]), Ok(()));
    assert_eq!(judged(answer(2, 0), [1, 0]), Ok(()), "a late answer");
    assert_eq!(rule(judged(answer(2, 0), [0, 0])), wrong, "it falls");
}

#[test]
fn what_a_quorum_has_acknowledged_is_committed() {
    let shown = Shown::new([2, 0]);
    let answer = Heard::Appended(NodeId::of(2), 2, 2);
    let judged = |status: Status<'_>| rule(led(&mut Leading::default(), answer, 0, None, &status));
    assert_eq!(judged(Status { durable: 2, commit: 2, ..shown.status() }), None);
    let wrong = Some(Property::CommitFollows);
    assert_eq!(judged(Status { durable: 2, commit: 1, ..shown.status() }), wrong);
    assert_eq!(
        judged(Status { durable: 1, commit: 1, ..shown.status() }),
        None,
        "its own disk lags"
    );
    let older = Shown::new([1, 0]);
    let answer = Heard::Appended(NodeId::of(2), 2, 1);
    let status = Status { durable: 2, commit: 0, ..older.status() };
    assert_eq!(led(&mut Leading::default(), answer, 0, None, &status), Ok(()), "an older term");
}

#[test]
fn a_leader_that_hands_over_or_has_no_vote() {
    let shown = Shown::new([0, 0]);
    let now = Seen::of(NodeId::of(1), &shown.status());
    let hands_over = Seen { transfer: NodeId::new(2), last: LogId::new(1, 1), ..now };
    let judged = |before, status: &Status<'_>| {
        rule(led(&mut Leading::default(), Heard::Proposals, 0, Some(before), status))
    };
    assert_eq!(judged(hands_over, &shown.status()), Some(Property::HandOver));
    assert_eq!(judged(Seen { transfer: None, ..hands_over }, &shown.status()), None);
    let others = Configuration::new([2, 3].map(NodeId::of));
    let out = |commit| Status { configuration: &others, commit, ..shown.status() };
    assert_eq!(judged(now, &out(1)), Some(Property::RemovedLeaderGoes));
    assert_eq!(judged(now, &out(0)), None, "it is not committed yet");
}

#[test]
fn a_leader_that_goes_without_a_word() {
    let mut shown = Shown::new([0, 0]);
    shown.peers[0].flow = Flow::Replicate;
    let (mut leading, node) = (Leading::default(), NodeId::of(1));
    let status = shown.status();
    assert_eq!(led(&mut leading, Heard::Other, 0, None, &status), Ok(()));
    let before = Seen { commit: 0, votes: false, ..Seen::of(node, &status) };
    let follows = Status { role: RoleKind::Follower, commit: 2, ..status };
    let gone = Seen { votes: false, ..Seen::of(node, &follows) };
    let config = config();
    let mut goes = |sends: &[(NodeId, Message)]| {
        leading.step(&step(&config, Heard::Other, before, gone, 0), &follows)?;
        leading.says(0, sends)
    };
    let tells = |commit| {
        let mut message = message(&[]);
        if let Body::AppendRequest(request) = &mut message.body {
            request.commit = commit;
        }
        [(NodeId::of(2), message)]
    };
    assert_eq!(goes(&tells(2)), Ok(()), "node 3 could not take it in");
    let wrong = Some(Property::RemovedLeaderGoes);
    assert_eq!([rule(goes(&[])), rule(goes(&tells(1)))], [wrong, wrong]);
}

#[test]
fn whom_a_leader_cannot_reach_any_more_it_need_not_tell() {
    let goes_after = |unreachable: bool| {
        let mut shown = Shown::new([0, 0]);
        shown.peers[0].flow = Flow::Replicate;
        let (config, others) = (config(), Configuration::new([2, 3].map(NodeId::of)));
        let mut rules = Rules::new(1);
        let leads = Status { configuration: &others, commit: 0, ..shown.status() };
        let at = leads.time;
        let due = Some(Timestamp(at.0 + TIMEOUT + 1));
        rules.begin(0, &config, &Status { election_due: due, ..leads }, at)?;
        rules.step(0, &config, Heard::Other, at, &leads)?;
        let mut peers = shown.peers.clone();
        if unreachable {
            peers[0].flow = Flow::Probe { sent: None };
        }
        rules.step(0, &config, Heard::Other, at, &Status { peers: &peers, ..leads })?;
        let gone = Status { role: RoleKind::Follower, commit: 2, ..leads };
        rules.step(0, &config, Heard::Other, at, &gone)?;
        rules.says(0, &[])
    };
    assert_eq!(rule(goes_after(false)), Some(Property::RemovedLeaderGoes));
    assert_eq!(goes_after(true), Ok(()));
}

/// An append of commands `names`.
fn message(names: &[&str]) -> Message {
    let entries = write(1, state(1, 0), 1, 1, names).entries;
    let body = Body::AppendRequest(AppendRequest {
        prev: LogId::ZERO,
        commit: 0,
        round: 1,
        promise: TIMEOUT,
        quiesce: false,
        entries,
    });
    Message { term: 1, body }
}

#[test]
fn what_is_under_way_has_a_limit() {
    let mut raft = leader();
    let status = raft.status();
    assert_eq!(led(&mut Leading::default(), Heard::Other, 0, None, &status), Ok(()));
    // Acknowledged by its followers, so that appends follow one another.
    let (term, last) = (status.term, status.log.last().index);
    let outcome = AppendOutcome::Matched { index: last };
    let body = Body::AppendAnswer(AppendAnswer { round: 1, priority: 100, outcome });
    let input = Input::Receive { from: NodeId::of(2), message: Message { term, body } };
    let at = Timestamp(0);
    raft.step(Event { at, input });
    for request in 0..4 {
        let commands = commands(["x"]);
        let input = Input::Propose { request, commands, expected_term: None };
        raft.step(Event { at, input });
    }
    let status = raft.status();
    let judged = |config: &Config| {
        let seen = Seen::of(NodeId::of(1), &status);
        let mut leading = Leading::default();
        let told = Heard::Appended(NodeId::of(2), term, last);
        rule(leading.step(&step(config, told, seen, seen, 0), &status))
    };
    assert_eq!(judged(&Config { max_inflight_messages: 4, ..config() }), None);
    let wrong = Some(Property::WithinLimits);
    assert_eq!(judged(&Config { max_inflight_messages: 3, ..config() }), wrong);
    let small = Config { max_inflight_bytes: 1, max_message_bytes: 1, ..config() };
    assert_eq!(judged(&small), wrong);
}

#[test]
fn a_message_that_is_larger_than_its_limit() {
    let judged = |names: &[&str], max_message_bytes| {
        let config = Config { max_message_bytes, ..config() };
        rule(leading::message_fits(0, &config, &message(names)))
    };
    assert_eq!(judged(&["a", "b"], 1), Some(Property::WithinLimits));
    assert_eq!(judged(&["a", "b"], 1_000), None);
    assert_eq!(judged(&["a"], 1), None, "one entry always goes");
}

#[test]
fn a_joint_configuration_that_loses_a_learner() {
    use quorate_core::{Learner, Promotion};

    use crate::oracle::members::adjacent;
    let ids = |ids: &[u64]| ids.iter().map(|id| NodeId::of(*id)).collect::<Vec<_>>();
    let learner = Learner { id: NodeId::of(5), promotion: Promotion::OnDemand };
    let of = |old: &[u64], learners: &[Learner]| {
        Configuration::of(ids(&[1, 2, 4]), ids(old), learners.iter().copied(), 1).unwrap()
    };
    let joint = of(&[1, 2, 3], &[learner]);
    assert_eq!(adjacent(0, &joint, &of(&[], &[learner])), Ok(()));
    assert_eq!(rule(adjacent(0, &joint, &of(&[], &[]))), Some(Property::JointLeft));
}
