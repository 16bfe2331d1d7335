//! Messages that cannot have any effect any more, which a search need not deliver.
//!
//! Each rule rests on what a node has on its disk, so that no crash takes it back, or on a role that a
//! node never has again in a term.

use quorate_core::{Body, Message, RoleKind, Term};

use super::member::Member;

/// Whether `message`, under way between these two, changes nothing at whoever gets it, now or later,
/// where no term behind `last` is looked at. The network may lose any message, so leaving one out loses
/// no more than its effects.
pub(super) fn is_dead(message: &Message, from: &Member, to: &Member, last: Term) -> bool {
    let (held, term) = (to.disk.hard_state.term, message.term);
    let status = to.raft.status();
    // What comes back carries no newer term than the sender will ever know, and the sender has left the
    // term in which it asked: the answer is dead by the rules for answers.
    let is_answer_moot = from.disk.hard_state.term >= last && from.disk.hard_state.term > term;
    match &message.body {
        Body::PreVoteAnswer(_) | Body::VoteAnswer(_) | Body::AppendAnswer(_) if term < held => true,
        // An answer belongs to one campaign, by its token. Its node has ended that campaign, and begins
        // others only, under other tokens.
        Body::PreVoteAnswer(_) => term == held && status.role != RoleKind::PreCandidate,
        Body::VoteAnswer(_) => term == held && status.role != RoleKind::Candidate,
        // Who has ceased to lead a term never leads it again.
        Body::AppendAnswer(_) => {
            term == held && !(status.role == RoleKind::Leader && status.term == term)
        }
        // Requests of an older term are refused, which changes nothing at the voter; to be asked for a
        // pre-vote in the own term changes nothing either.
        Body::VoteRequest(_) | Body::AppendRequest(_) => is_answer_moot && term < held,
        Body::PreVoteRequest(_) => is_answer_moot && term <= held,
        Body::TimeoutNow | Body::ReadRequest(_) | Body::ReadAnswer(_) => false,
    }
}
