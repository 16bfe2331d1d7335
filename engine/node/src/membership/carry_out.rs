//! The leader's part of a change of members, and the asker's.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use quorate_core::{
    ChangeError, Configuration, Index, LogId, MemberChange, NodeId, Promotion, Refusal, RoleKind,
};
use quorate_tokio::{ConnectError, ProposeError, RequestError, TransferError};

use super::{Member, MemberError, Wish, members_of};
use crate::{
    Consistency, EngineError, WireResponse,
    coordination::Answered,
    forward::{Answer, Ask, GroupAsk},
    route::{Carrier, Failure, Repeat, Route},
};

/// How long a new node may take to say that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long before its deadline a wish is not asked again, where something is in the way.
const MARGIN_MAX: Duration = Duration::from_secs(1);
/// How far behind a learner may be that is promoted on demand, where its own promotion does not say.
/// Entries.
const LAG_LIMIT: u64 = 1_000;

impl<R: WireResponse> Route<R> {
    /// The members, with every change that was done before the call.
    pub(crate) async fn members(&self) -> Answered<Vec<Member>> {
        self.confirm(Consistency::Linearizable).await?;
        let leader = self.node.status().leader;
        let mut members = members_of(&self.node.membership().configuration, leader);
        if leader == Some(self.id) {
            let known = self.node.contact().await.unwrap_or_default().matched;
            for member in &mut members {
                let found = known.iter().find(|(node, _)| *node == member.node);
                member.matched = found.map(|(_, matched)| *matched);
            }
        }
        Ok(members)
    }

    /// Wishes something of the members, until it is so or time is up.
    pub(crate) async fn wish(&self, own: &impl Carrier<Response = R>, wish: Wish) -> Answered<()> {
        wish.validate(self.net.as_ref().is_none_or(|net| net.mesh().is_some()))?;
        let is_removal = matches!(wish, Wish::Remove { .. });
        self.ask_for_members(own, GroupAsk::Change(wish), Repeat::Safe, is_removal).await
    }

    /// Wishes that a new node takes an old one's place. The last step is one change: at no moment are
    /// there fewer voters, or more.
    pub(crate) async fn replace(
        &self,
        own: &impl Carrier<Response = R>,
        old: NodeId,
        node: NodeId,
        address: String,
    ) -> Answered<()> {
        let until = Instant::now() + self.timeout;
        let promotion = Some(Promotion::OnDemand);
        self.wish(own, Wish::Add { node, address, promotion }).await?;
        let left = until.saturating_duration_since(Instant::now());
        self.with_timeout(left).wish(own, Wish::Replace { old, node }).await
    }

    /// Wishes that another node leads.
    pub(crate) async fn wish_leader(
        &self,
        own: &impl Carrier<Response = R>,
        to: Option<NodeId>,
    ) -> Answered<()> {
        // Once more, it would go to yet another one.
        let repeat = if to.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        self.ask_for_members(own, GroupAsk::Lead(to), repeat, false).await
    }

    /// Does what is asked on this node, which is believed to lead.
    pub(crate) async fn see_to(&self, ask: GroupAsk) -> Answer<R> {
        match ask {
            GroupAsk::Change(wish) => self.change_here(&wish).await,
            GroupAsk::Lead(to) => self.lead_here(to).await,
            GroupAsk::Members => self.members_here(),
        }
    }

    async fn ask_for_members(
        &self,
        own: &impl Carrier<Response = R>,
        ask: GroupAsk,
        repeat: Repeat,
        is_removal: bool,
    ) -> Answered<()> {
        let ask = &Ask::Group(ask);
        // What the leader said last, and whether anything may have been done before.
        let said: Mutex<(Option<MemberError>, bool)> = Mutex::default();
        let said = &said;
        // What is cut off by the deadline is unknown: where it is known what is in the way, nothing
        // is asked so late.
        let margin = (self.timeout / 4).min(MARGIN_MAX);
        let attempt = |seen, left| async move {
            let known = said.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
            if let Some(error) = known.filter(|_| left < margin) {
                return Err(Failure::NotDone(error.to_string()));
            }
            let answer = self.attempt(own, ask, seen, left).await;
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            match answer {
                Ok(Answer::Changed(Err(error))) if error.may_pass() => {
                    let reason = error.to_string();
                    said.0 = Some(error);
                    Err(Failure::NotDone(reason))
                }
                Ok(answer) => Ok(answer),
                Err(failure) => {
                    said.0 = None;
                    said.1 |= matches!(failure, Failure::Unknown(_));
                    Err(failure)
                }
            }
        };
        let ended = self.retry(repeat, attempt).await;
        let (last, may_be_done) =
            std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
        match (ended, last) {
            (Ok(Answer::Changed(Ok(()))), _) => Ok(()),
            // It was there when it was first asked for.
            (Ok(Answer::Changed(Err(MemberError::NotAMember { .. }))), _)
                if is_removal && may_be_done =>
            {
                Ok(())
            }
            (Ok(Answer::Changed(Err(error))), _) => Err(EngineError::Members(error)),
            (Ok(_), _) => {
                Err(EngineError::Unknown { reason: "the answer is of another kind".to_owned() })
            }
            (Err(EngineError::NotDone { .. }), Some(error)) => Err(EngineError::Members(error)),
            (Err(error), _) => Err(error),
        }
    }

    /// Makes a wish come true on this node, which is believed to lead; returns once that is committed.
    async fn change_here(&self, wish: &Wish) -> Answer<R> {
        // Shows that it leads, and has committed in its term: what it knows is the newest.
        if let Err(error) = self.node.read_index().await {
            return Answer::NotDone(error.to_string());
        }
        let known = self.node.membership();
        if !known.is_committed || known.configuration.is_joint() {
            return Answer::Changed(Err(MemberError::UnderWay));
        }
        let changes = match wish.changes(&known.configuration, self.promotion) {
            Ok(changes) if changes.is_empty() => return Answer::Changed(Ok(())),
            Ok(changes) => changes,
            Err(error) => return Answer::Changed(Err(error)),
        };
        if let Err(error) = self.is_ready(wish, &known.configuration).await {
            return Answer::Changed(Err(error));
        }
        let own = MemberChange::Remove { node: self.id };
        if changes.contains(&own) && self.node.transfer(None).await.is_ok() {
            // What is under way here is finished as a member; the next leader is asked again. Where
            // nobody can take over, a leader can remove itself as well.
            return Answer::NotDone("the leader hands over before it goes".to_owned());
        }
        match self.node.change_members(changes).await {
            Ok(_) => match self.wait_settled().await {
                Answer::Changed(Ok(())) => self.is_done(wish),
                other => other,
            },
            Err(error) => refused(error, wish, &known.configuration),
        }
    }

    /// A new member is there, but how it becomes a voter is settled once it has answered.
    fn is_done(&self, wish: &Wish) -> Answer<R> {
        let Wish::Add { node, .. } = wish else { return Answer::Changed(Ok(())) };
        match wish.changes(&self.node.membership().configuration, self.promotion) {
            Ok(changes) if changes.is_empty() => Answer::Changed(Ok(())),
            Ok(_) => Answer::Changed(Err(MemberError::Silent { node: *node })),
            Err(error) => Answer::Changed(Err(error)),
        }
    }

    /// Whether the node that the wish is about can be what is wished.
    async fn is_ready(&self, wish: &Wish, current: &Configuration) -> Result<(), MemberError> {
        if let Wish::Add { node, address, .. } = wish {
            if !current.is_member(*node) {
                return self.probe(*node, address).await;
            }
            let has_answered = self.matched(*node).await > 0;
            return if has_answered { Ok(()) } else { Err(MemberError::Silent { node: *node }) };
        }
        let Some(node) = wish.promoted(current) else { return Ok(()) };
        let matched = self.matched(node).await;
        let behind = self.node.status().commit.saturating_sub(matched);
        let max_lag = match current.learner(node).map(|learner| learner.promotion) {
            Some(Promotion::WhenCaughtUp { max_lag }) => max_lag,
            Some(Promotion::OnDemand) | None => LAG_LIMIT,
        };
        // One that has nothing yet may not even run.
        if behind > max_lag || matched == 0 {
            return Err(MemberError::Lagging { node, behind, max_lag });
        }
        Ok(())
    }

    /// How much of the log another member is known to have.
    async fn matched(&self, node: NodeId) -> Index {
        let contact = self.node.contact().await.unwrap_or_default();
        let matched = contact.matched.iter().find(|(peer, _)| *peer == node);
        matched.map_or(0, |(_, matched)| *matched)
    }

    /// Whether it is the new node that listens there, and nobody's member yet.
    async fn probe(&self, node: NodeId, address: &str) -> Result<(), MemberError> {
        let Some(net) = &self.net else {
            return Err(MemberError::NotListening { node: self.id });
        };
        let Some(mesh) = net.mesh() else {
            // Only whoever is there can say.
            return match self.ask_members(node, PROBE_TIMEOUT).await {
                Ok(Answer::Members { log_id: LogId::ZERO, .. }) => Ok(()),
                Ok(_) => Err(MemberError::Used { node }),
                Err(error) => Err(MemberError::Unreachable { node, reason: error.to_string() }),
            };
        };
        match mesh.probe(node, &Arc::from(address)).await {
            Ok(LogId::ZERO) => Ok(()),
            Ok(_) => Err(MemberError::Used { node }),
            Err(error @ ConnectError::Unreachable { .. }) => {
                Err(MemberError::Unreachable { node, reason: error.to_string() })
            }
            Err(error @ ConnectError::Refused { .. }) => {
                let reason = error.to_string();
                Err(MemberError::Stranger { node, address: address.to_owned(), reason })
            }
        }
    }

    /// Returns once the change that was begun is over, both halves of it.
    async fn wait_settled(&self) -> Answer<R> {
        let mut members = self.node.watch_membership();
        let mut status = self.node.watch_status();
        let settled =
            members.wait_for(|known| known.is_committed && !known.configuration.is_joint());
        let lost = status.wait_for(|status| status.role != RoleKind::Leader);
        let has_settled = tokio::select! {
            // A leader that has removed itself leads no more either.
            biased;
            settled = settled => settled.is_ok(),
            _ = lost => false,
        };
        if has_settled {
            return Answer::Changed(Ok(()));
        }
        Answer::Unknown("the leader changed before the change of members was over".to_owned())
    }

    /// Hands the leadership over from this node, which is believed to lead.
    async fn lead_here(&self, to: Option<NodeId>) -> Answer<R> {
        if to == Some(self.id) {
            return match self.node.read_index().await {
                Ok(_) if self.node.status().role == RoleKind::Leader => Answer::Changed(Ok(())),
                Ok(_) => Answer::NotDone("another node leads".to_owned()),
                Err(error) => Answer::NotDone(error.to_string()),
            };
        }
        match self.node.transfer(to).await {
            Ok(()) => Answer::Changed(Ok(())),
            Err(TransferError::Refused(Refusal::NoTarget)) => {
                let members = self.node.membership().configuration;
                match to {
                    Some(to) if !members.is_member(to) => {
                        let members = members.members();
                        Answer::Changed(Err(MemberError::NotAMember { node: to, members }))
                    }
                    Some(to) if !members.seat(to).incoming => {
                        Answer::Changed(Err(MemberError::NotAVoter { to }))
                    }
                    _ => Answer::NotDone(TransferError::Refused(Refusal::NoTarget).to_string()),
                }
            }
            Err(error) => Answer::NotDone(error.to_string()),
        }
    }

    /// The newest configuration that this node knows to be committed.
    fn members_here(&self) -> Answer<R> {
        let known = self.node.membership();
        let is_settled = known.is_committed && !known.configuration.is_joint();
        if known.joined == LogId::ZERO {
            // Whatever it has got so far, it is nobody's member.
            return Answer::Members { log_id: LogId::ZERO, members: Vec::new() };
        }
        if !is_settled {
            return Answer::NotDone("a change of the members is under way".to_owned());
        }
        Answer::Members { log_id: known.log_id, members: known.configuration.members() }
    }

    /// Asks one node for the newest configuration that it knows to be committed.
    pub(crate) async fn ask_members(
        &self,
        of: NodeId,
        timeout: Duration,
    ) -> Result<Answer<R>, RequestError> {
        let net = self.net.as_ref().ok_or(RequestError::NotSent(of))?;
        let bytes = net.request(of, &Ask::Group(GroupAsk::Members).encode(), timeout).await?;
        Answer::decode(bytes).ok_or(RequestError::NoAnswer(of))
    }
}

/// What the core's refusal means to whoever wished.
fn refused<R>(error: ProposeError, wish: &Wish, current: &Configuration) -> Answer<R> {
    match error {
        ProposeError::Refused(Refusal::ChangeInFlight { .. } | Refusal::TermNotCommitted) => {
            Answer::Changed(Err(MemberError::UnderWay))
        }
        ProposeError::Refused(Refusal::Change(error)) => match error {
            ChangeError::Unchanged => Answer::Changed(Ok(())),
            ChangeError::NotAMember { node } => {
                let members = current.members();
                Answer::Changed(Err(MemberError::NotAMember { node, members }))
            }
            ChangeError::Configuration(_) => Answer::Changed(Err(MemberError::TooMany)),
            other => {
                let reason = format!("the core refuses {wish:?}: {other}");
                Answer::NotDone(reason)
            }
        },
        ProposeError::Unknown => Answer::Unknown(error.to_string()),
        ProposeError::Refused(_)
        | ProposeError::Replaced
        | ProposeError::QueueFull { .. }
        | ProposeError::Stopped => Answer::NotDone(error.to_string()),
    }
}
