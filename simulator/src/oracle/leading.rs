//! What a leader may do in its term (paper §5.3, §6; dissertation §3.10, §4.2.2, §6.2).

use quorate_core::{Body, Config, Configuration, Flow, Index, Message, Nanos, NodeId, Status};

use super::{
    Property, Violation, members,
    step::{Heard, Step},
};
use crate::MAX_NODES;

const NODES: usize = MAX_NODES as usize;

/// A leader, as seen from outside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leading {
    /// From when on a quorum should have answered, by its own time.
    since: Nanos,
    /// When each node answered last in this term.
    heard: [Nanos; NODES],
    /// What each is known to hold.
    matches: [Index; NODES],
    /// To whom appends follow one another, a bit each.
    follow: u64,
    /// Whom it must tell of which commit index before it goes, a bit each.
    to_tell: Option<(u64, Index)>,
}

impl Leading {
    /// Judges a step.
    ///
    /// # Errors
    /// What is broken.
    pub fn step(&mut self, step: &Step<'_>, status: &Status<'_>) -> Result<(), Violation> {
        if !step.after.leads() {
            self.goes(step);
            return Ok(());
        }
        if step.begins() {
            *self = Leading { since: step.now, ..Leading::default() };
        }
        let changes = step.before.members_at != step.after.members_at;
        if changes || (step.before.quiesced && !step.after.quiesced) {
            self.since = step.now;
        }
        if let Heard::Appended(from, term, _) = step.heard
            && term == step.after.term
        {
            self.heard[place(from)] = step.now;
        }
        // Whom an answer finds ahead of the commit index is counted by it; a change of members alone
        // commits nothing, and its own entry is still to be answered.
        if let Some(told) = self.matched(step, status)?
            && told > step.before.commit
            && !changes
        {
            self.commits(step, status)?;
        }
        is_member(step, status)?;
        takes_nothing(step)?;
        self.has_quorum(step, status.configuration)?;
        under_way(step, status)
    }

    /// paper §6: where it goes since its own going is committed, the others must know that, as far as
    /// they can take it in: without, they wait for a leader whom nobody elects.
    fn goes(&mut self, step: &Step<'_>) {
        let Step { before, after, .. } = *step;
        let is_out = before.leads() && before.term == after.term && !after.votes;
        let is_news = (before.commit + 1..=after.commit).contains(&after.members_at);
        if is_out && is_news {
            self.to_tell = Some((self.follow, after.commit));
        }
    }

    /// Judges what the node sends after the step.
    ///
    /// # Errors
    /// Where it goes without a word.
    pub fn says(&mut self, node: u64, sends: &[(NodeId, Message)]) -> Result<(), Violation> {
        let Some((follow, commit)) = self.to_tell.take() else { return Ok(()) };
        let tells = |message: &Message| match &message.body {
            Body::AppendRequest(request) => request.commit == commit,
            _ => false,
        };
        let told = sends.iter().filter(|(_, message)| tells(message));
        let told = told.fold(0, |told, (to, _)| told | 1 << place(*to));
        if follow & !told == 0 {
            return Ok(());
        }
        let what = format!("goes as it has no vote, and does not say that {commit} is committed");
        Err(Violation::Rule { rule: Property::RemovedLeaderGoes, node, what })
    }

    /// dissertation §6.2: without a quorum's answers for an election timeout it goes. Judged by when
    /// answers came in, which is after what they answer was sent.
    fn has_quorum(&self, step: &Step<'_>, members: &Configuration) -> Result<(), Violation> {
        if step.heard != Heard::Tick || step.after.quiesced {
            return Ok(());
        }
        let horizon = step.now.saturating_sub(step.config.election_timeout);
        let answered = |node: u64| node == step.node || self.heard[node as usize] >= horizon;
        if self.since >= horizon || members::lacking(members, answered).is_none() {
            return Ok(());
        }
        let what = format!(
            "leads term {} on, though no quorum answered for {} ns",
            step.after.term, step.config.election_timeout
        );
        Err(step.breaks(Property::LeaderContact, what))
    }

    /// A match never falls within a term, and rises by an answer of that term alone, to what it says;
    /// gives what one rose to.
    fn matched(
        &mut self,
        step: &Step<'_>,
        status: &Status<'_>,
    ) -> Result<Option<Index>, Violation> {
        let told = match step.heard {
            Heard::Appended(from, term, index) if term == step.after.term => Some((from, index)),
            _ => None,
        };
        let mut now = [0; NODES];
        self.follow = 0;
        for peer in status.peers {
            self.follow |= u64::from(peer.flow == Flow::Replicate) << place(peer.id);
            let (at, found) = (place(peer.id), peer.match_index);
            let before = self.matches[at];
            let most = told.filter(|(from, _)| *from == peer.id).map_or(0, |(_, index)| index);
            if found < before || found > before.max(most) {
                let what = format!(
                    "takes node {at} to hold its log through {found}, and before through {before}, \
                     after {:?}",
                    step.heard
                );
                return Err(step.breaks(Property::MatchRule, what));
            }
            now[at] = found;
        }
        let before = std::mem::replace(&mut self.matches, now);
        Ok(told.filter(|_| before != now).map(|(_, index)| index))
    }

    /// paper §5.3, §5.4.2: what a quorum has acknowledged, of the leader's own term, is committed at
    /// once.
    fn commits(&self, step: &Step<'_>, status: &Status<'_>) -> Result<(), Violation> {
        let own = status.durable;
        let beyond = self.matches.iter().filter(|index| **index > status.commit);
        for index in beyond.copied().filter(|index| status.log.term_at(*index) == Some(status.term))
        {
            let held = |node: u64| {
                let through = if node == step.node { own } else { self.matches[node as usize] };
                through >= index
            };
            if members::lacking(status.configuration, held).is_none() {
                let what = format!(
                    "has committed through {}, though a quorum has acknowledged {index}",
                    status.commit
                );
                return Err(step.breaks(Property::CommitFollows, what));
            }
        }
        Ok(())
    }
}

fn place(id: NodeId) -> usize {
    (id.get() - 1) as usize
}

/// paper §6: a leader that is no voter any more goes once that is committed.
fn is_member(step: &Step<'_>, status: &Status<'_>) -> Result<(), Violation> {
    let after = step.after;
    if after.votes || after.members_at > after.commit || status.configuration.is_joint() {
        return Ok(());
    }
    let what = format!("leads term {} on, though it is committed that it has no vote", after.term);
    Err(step.breaks(Property::RemovedLeaderGoes, what))
}

/// dissertation §3.10: while it hands over it takes no proposals.
fn takes_nothing(step: &Step<'_>) -> Result<(), Violation> {
    let hands_over = step.heard == Heard::Proposals && step.before.transfer.is_some();
    if !hands_over || !step.leads_on() || step.before.last == step.after.last {
        return Ok(());
    }
    let what = format!("takes proposals while it hands over to {:?}", step.before.transfer);
    Err(step.breaks(Property::HandOver, what))
}

/// What is under way to a peer keeps within the limits: in messages, and in bytes, which one message
/// may exceed.
fn under_way(step: &Step<'_>, status: &Status<'_>) -> Result<(), Violation> {
    let Config { max_inflight_messages, max_inflight_bytes, max_message_bytes, .. } = *step.config;
    let bytes_most = max_inflight_bytes.saturating_add(max_message_bytes);
    for peer in status.peers {
        let (messages, bytes) = peer.under_way();
        let is_over = messages > u64::from(max_inflight_messages) || bytes > bytes_most;
        if is_over && messages > 1 {
            let what = format!(
                "has {messages} messages of {bytes} bytes under way to {:?}, but may have \
                 {max_inflight_messages} of {max_inflight_bytes}",
                peer.id
            );
            return Err(step.breaks(Property::WithinLimits, what));
        }
    }
    Ok(())
}

/// No message holds more entries than its limit, but for one that is too large alone.
///
/// # Errors
/// Where one does.
pub fn message_fits(node: u64, config: &Config, message: &Message) -> Result<(), Violation> {
    let Body::AppendRequest(request) = &message.body else { return Ok(()) };
    let (cost, most) = (request.entries.cost(), config.max_message_bytes);
    if cost <= most || request.entries.len() == 1 {
        return Ok(());
    }
    let what = format!("sends a message of {cost} bytes of entries, but may send {most}");
    Err(Violation::Rule { rule: Property::WithinLimits, node, what })
}
