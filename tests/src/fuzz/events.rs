//! Inputs made of bytes: what a peer, a client or a host could say to a node, sane or not.

use std::sync::Arc;

use quorate_core::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Configuration, Consistency, Entries, Learner,
    LogId, MemberChange, Message, NodeId, Payload, Promotion, Raft, ReadAnswer, ReadOutcome,
    ReadRequest, RoleKind, SnapshotMeta, Term, Token, VoteAnswer, VoteRequest, commands,
};

use super::source::Source;

/// Any message and its sender, mostly what the node waits for; `campaign` is what it asked for last.
pub(super) fn message(source: &mut Source<'_>, raft: &Raft, campaign: Token) -> (NodeId, Message) {
    let status = raft.status();
    let term = if source.below(4) > 0 { status.term } else { source.near(status.term) };
    let kind = match (source.below(4), status.role) {
        (0, _) => source.below(9),
        (_, RoleKind::Follower) => 4,
        (_, RoleKind::PreCandidate) => 2,
        (_, RoleKind::Candidate) => 3,
        (_, RoleKind::Leader) => 5,
    };
    let body = match kind {
        0 => Body::PreVoteRequest(vote_request(source, raft)),
        1 => Body::VoteRequest(vote_request(source, raft)),
        2 => Body::PreVoteAnswer(vote_answer(source, campaign)),
        3 => Body::VoteAnswer(vote_answer(source, campaign)),
        4 => Body::AppendRequest(append_request(source, raft)),
        5 => Body::AppendAnswer(append_answer(source, raft)),
        6 => Body::TimeoutNow,
        7 => {
            let consistency = consistency(source);
            Body::ReadRequest(ReadRequest { token: token(source), consistency })
        }
        _ => Body::ReadAnswer(ReadAnswer { token: token(source), outcome: read_outcome(source) }),
    };
    let anybody = NodeId::of(1 + source.below(6));
    let from = status.leader.filter(|leader| *leader != raft.node() && source.below(8) > 0);
    (from.unwrap_or(anybody), Message { term, body })
}

fn vote_request(source: &mut Source<'_>, raft: &Raft) -> VoteRequest {
    let transfer = source.below(4) == 0;
    VoteRequest { last: log_id(source, raft), campaign: token(source), transfer }
}

fn vote_answer(source: &mut Source<'_>, asked: Token) -> VoteAnswer {
    let campaign = if source.below(4) > 0 { asked } else { token(source) };
    VoteAnswer { granted: source.below(4) > 0, campaign }
}

pub(super) fn consistency(source: &mut Source<'_>) -> Consistency {
    if source.below(2) == 0 { Consistency::Linearizable } else { Consistency::Lease }
}

fn read_outcome(source: &mut Source<'_>) -> ReadOutcome {
    match source.below(4) {
        0 => ReadOutcome::NotLeader { leader: NodeId::new(source.below(4)) },
        1 => ReadOutcome::NoQuorum,
        2 => ReadOutcome::Busy,
        _ => ReadOutcome::Ready { index: source.near(1) },
    }
}

pub(super) fn token(source: &mut Source<'_>) -> Token {
    Token { incarnation: 1 + source.below(2), number: 1 + source.below(8) }
}

/// The name of an entry that the log holds, or of none.
fn log_id(source: &mut Source<'_>, raft: &Raft) -> LogId {
    let log = raft.status().log;
    let last = log.last();
    let back = source.below(3);
    let index = source.near(last.index.saturating_sub(back));
    match log.term_at(index) {
        Some(term) if source.below(4) > 0 => LogId::new(term, index),
        _ => LogId::new(source.near(last.term), index),
    }
}

fn append_request(source: &mut Source<'_>, raft: &Raft) -> AppendRequest {
    let prev = log_id(source, raft);
    let mut entries = Entries::new();
    let mut next = LogId::new(source.near(prev.term.max(1)), prev.index.wrapping_add(1));
    for _ in 0..source.below(4) {
        let payload = payload(source);
        if entries.append(next, payload.into()).is_err() {
            break;
        }
        next = LogId::new(next.term.wrapping_add(source.below(2)), next.index.wrapping_add(1));
    }
    let (commit, promise) = (source.near(raft.status().commit), source.near(100_000_000));
    let quiesce = source.below(8) == 0;
    AppendRequest { prev, commit, round: source.near(1), promise, quiesce, entries }
}

fn payload(source: &mut Source<'_>) -> Payload {
    match source.below(8) {
        0 => Payload::Noop,
        1 if source.below(2) == 0 => Payload::Configuration(configuration(source)),
        size => Payload::Command(vec![0; size as usize * 100].into()),
    }
}

fn append_answer(source: &mut Source<'_>, raft: &Raft) -> AppendAnswer {
    let peer = raft.status().peers.first();
    let (round, next) = peer.map_or((1, 1), |peer| (peer.round, peer.next_index));
    let outcome = if source.below(3) == 0 {
        let rejected = source.near(next.wrapping_sub(1));
        AppendOutcome::Conflict { rejected, hint: log_id(source, raft) }
    } else {
        AppendOutcome::Matched { index: source.near(raft.status().log.last().index) }
    };
    let priority = [100, 100, 50, 0][source.below(4) as usize];
    AppendAnswer { round: source.near(round), priority, outcome }
}

/// What a client proposes: nothing, too much, or a few commands.
pub(super) fn proposal(source: &mut Source<'_>) -> quorate_core::Commands {
    let count = source.below(4) as usize;
    let size = if source.below(8) == 0 { 2000 } else { 10 };
    let list = commands(std::iter::repeat_n(vec![7; size], count));
    if source.below(16) == 0 { Payload::Noop.into() } else { list }
}

fn promotion(source: &mut Source<'_>) -> Promotion {
    match source.below(2) {
        0 => Promotion::OnDemand,
        _ => Promotion::WhenCaughtUp { max_lag: source.below(4) },
    }
}

/// Members of whom this node mostly is one, joint or not.
fn configuration(source: &mut Source<'_>) -> Arc<Configuration> {
    let mut some = |first: u64| -> Vec<NodeId> {
        (0..source.below(4)).map(|_| NodeId::of(first + source.below(5))).collect()
    };
    let (mut voters, outgoing, learners) = (some(1), some(1), some(7));
    if source.below(4) > 0 {
        voters.push(NodeId::of(1));
    }
    let learners = learners.into_iter().map(|id| Learner { id, promotion: promotion(source) });
    let learners: Vec<Learner> = learners.collect();
    let is_told = learners.len() == 3;
    let protocol = if source.below(64) == 0 { 2 } else { 1 };
    let made = Configuration::of(voters, outgoing, learners, protocol).unwrap_or_default();
    let told = made.members().into_iter().filter(|_| is_told);
    let told: Vec<_> = told.map(|node| (node, format!("{node}:1").into())).collect();
    Arc::new(made.with_addresses(told).unwrap_or_default())
}

/// What somebody may wish of the members.
pub(super) fn changes(source: &mut Source<'_>) -> Vec<MemberChange> {
    (0..source.below(4))
        .map(|_| {
            let node = NodeId::of(1 + source.below(6));
            match source.below(8) {
                0..=2 => MemberChange::AddVoter { node },
                3 | 4 => MemberChange::AddLearner { node, promotion: promotion(source) },
                5 => MemberChange::Remove { node },
                6 => {
                    let address = "x".repeat(source.below(300) as usize).into();
                    MemberChange::SetAddress { node, address }
                }
                _ => MemberChange::SetProtocol { version: source.below(3) as u16 },
            }
        })
        .collect()
}

/// A snapshot that somebody may have sent, and the term in which.
pub(super) fn snapshot(source: &mut Source<'_>, raft: &Raft) -> (Term, SnapshotMeta) {
    let status = raft.status();
    let last = match source.below(3) {
        0 => log_id(source, raft),
        _ => LogId::new(source.near(status.term), source.near(status.commit + 2)),
    };
    (source.near(status.term), SnapshotMeta { last, configuration: configuration(source) })
}
