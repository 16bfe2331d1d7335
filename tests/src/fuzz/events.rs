//! Inputs made of bytes: what a peer, a client or a host could say to a node, sane or not.

use quorate_core::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Entries, LogId, Message, NodeId, Payload,
    Raft, RoleKind, Token, VoteAnswer, VoteRequest, commands,
};

use super::source::Source;

/// Any message and its sender, mostly what the node waits for; `campaign` is what it asked for last.
pub(super) fn message(source: &mut Source<'_>, raft: &Raft, campaign: Token) -> (NodeId, Message) {
    let status = raft.status();
    let term = if source.below(4) > 0 { status.term } else { source.near(status.term) };
    let kind = match (source.below(4), status.role) {
        (0, _) => source.below(6),
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
        _ => Body::AppendAnswer(append_answer(source, raft)),
    };
    let anybody = NodeId::of(1 + source.below(6));
    let from = status.leader.filter(|leader| *leader != raft.node() && source.below(8) > 0);
    (from.unwrap_or(anybody), Message { term, body })
}

fn vote_request(source: &mut Source<'_>, raft: &Raft) -> VoteRequest {
    VoteRequest { last: log_id(source, raft), campaign: token(source) }
}

fn vote_answer(source: &mut Source<'_>, asked: Token) -> VoteAnswer {
    let campaign = if source.below(4) > 0 { asked } else { token(source) };
    VoteAnswer { granted: source.below(4) > 0, campaign }
}

fn token(source: &mut Source<'_>) -> Token {
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
        if entries.append(next, [payload].into()).is_err() {
            break;
        }
        next = LogId::new(next.term.wrapping_add(source.below(2)), next.index.wrapping_add(1));
    }
    let (commit, promise) = (source.near(raft.status().commit), source.near(100_000_000));
    AppendRequest { prev, commit, round: source.near(1), promise, entries }
}

fn payload(source: &mut Source<'_>) -> Payload {
    match source.below(8) {
        0 => Payload::Noop,
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
    AppendAnswer { round: source.near(round), outcome }
}

/// What a client proposes: nothing, too much, or a few commands.
pub(super) fn proposal(source: &mut Source<'_>) -> quorate_core::Commands {
    let count = source.below(4) as usize;
    let size = if source.below(8) == 0 { 2000 } else { 10 };
    let list = commands(std::iter::repeat_n(vec![7; size], count));
    if source.below(16) == 0 { [Payload::Noop].into() } else { list }
}
