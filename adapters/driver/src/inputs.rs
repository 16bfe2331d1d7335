//! What a host tells its node: a method for each kind of input that is no completion.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{
    Action, Commands, Config, Consistency, Input, MemberChange, Message, NodeId, Payload, Refusal,
    RequestId, Term, Timestamp,
};

use crate::Driver;

impl<R: Clone> Driver<R> {
    /// Takes time passing.
    pub fn tick(&mut self, at: Timestamp) {
        self.step(Input::Tick, at);
    }

    /// Takes a message.
    pub fn receive(&mut self, from: NodeId, message: Message, at: Timestamp) {
        self.step(Input::Receive { from, message }, at);
    }

    /// Appends a command for each request, all in one shared batch. Each gets an
    /// [`Outcome`](crate::Outcome).
    pub fn propose(&mut self, proposals: Vec<(RequestId, Bytes)>, at: Timestamp) {
        if proposals.is_empty() {
            return;
        }
        let (requests, list): (Vec<RequestId>, Vec<Bytes>) = proposals.into_iter().unzip();
        let commands: Commands = list.into_iter().map(Payload::Command).collect();
        // One name for the batch inside the core: the answer comes in the same step.
        self.step_core(Input::Propose { request: 0, commands, expected_term: None }, at);
        let answer = self.actions.iter().position(|action| {
            matches!(action, Action::Accepted { .. })
                || matches!(action, Action::Refused { request: 0, .. })
        });
        match answer.map(|place| self.actions.remove(place)) {
            Some(Action::Accepted { log_id, .. }) => self.waiting.accept(requests, log_id),
            Some(Action::Refused { reason, .. }) => self.refused(requests, reason),
            Some(_) | None => self.refused(requests, Refusal::Halted),
        }
        self.route();
    }

    /// Asks for a read: [`Outcome::ReadReady`](crate::Outcome::ReadReady) once the state machine may
    /// answer it. On any member.
    ///
    /// `request` is at least 1; 0 is the driver's own. So it is in all that follows.
    pub fn read(&mut self, request: RequestId, consistency: Consistency, at: Timestamp) {
        self.ask(request, Input::Read { request, consistency }, at);
    }

    /// Changes the members: [`Outcome::Done`](crate::Outcome::Done) once the change is committed and
    /// applied here.
    pub fn change_members(
        &mut self,
        request: RequestId,
        changes: Vec<MemberChange>,
        expected_term: Option<Term>,
        at: Timestamp,
    ) {
        self.ask(request, Input::ChangeMembers { request, changes, expected_term }, at);
    }

    /// Hands the leadership to another voter: [`Outcome::Transferred`](crate::Outcome::Transferred)
    /// once this node leads no more.
    pub fn transfer(&mut self, request: RequestId, to: Option<NodeId>, at: Timestamp) {
        self.ask(request, Input::Transfer { request, to }, at);
    }

    fn ask(&mut self, request: RequestId, input: Input, at: Timestamp) {
        if self.is_halted() {
            self.refused(vec![request], Refusal::Halted);
        } else {
            self.step(input, at);
        }
    }

    /// The state machine is damaged: asks the leader for a snapshot to go on from.
    pub fn request_snapshot(&mut self, at: Timestamp) {
        self.step(Input::RequestSnapshot, at);
    }

    /// The transport could not reach a peer.
    pub fn peer_unreachable(&mut self, peer: NodeId, at: Timestamp) {
        self.step(Input::PeerUnreachable { peer }, at);
    }

    /// Nobody reads under the published lease any more.
    pub fn lease_closed(&mut self, at: Timestamp) {
        self.step(Input::LeaseClosed, at);
    }

    /// How many entries, and bytes of them, to keep behind a snapshot.
    pub fn retain(&mut self, entries: u64, bytes: u64, at: Timestamp) {
        self.step(Input::Retain { entries, bytes }, at);
    }

    /// Whether the disk is nearly full, by the host's own measure of
    /// [`LogStore::space_left`](crate::LogStore::space_left).
    pub fn space(&mut self, is_low: bool, at: Timestamp) {
        self.step(Input::Space { is_low }, at);
    }

    /// Goes on with other knobs.
    pub fn reconfigure(&mut self, config: impl Into<Arc<Config>>, at: Timestamp) {
        self.step(Input::Reconfigure { config: config.into() }, at);
    }

    /// Falls silent, if nothing is under way.
    pub fn quiesce(&mut self, at: Timestamp) {
        self.step(Input::Quiesce, at);
    }

    /// Goes on after that.
    pub fn wake(&mut self, at: Timestamp) {
        self.step(Input::Wake, at);
    }

    /// Hands the leadership over, where this node leads, and halts.
    pub fn stop(&mut self, at: Timestamp) {
        self.step(Input::Stop, at);
    }
}
