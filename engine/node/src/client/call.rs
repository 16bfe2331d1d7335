//! What is asked of the key-value machine's leader, and what this node does where it leads.

use bytes::Bytes;
use quorate_kv::{Command, KvError, LeaseError, LeaseId, Outcome, Response, Revision};

use super::Client;
use crate::{
    EngineError, WireResponse,
    forward::{Answer, Ask},
    route::{Carrier, Repeat, Route},
};

impl WireResponse for Response {
    fn to_bytes(&self) -> Bytes {
        self.encode()
    }

    fn from_bytes(bytes: Bytes) -> Option<Response> {
        Response::decode(bytes).ok()
    }

    fn is_refusal(&self) -> bool {
        matches!(self.outcome, Some(Err(_)))
    }
}

impl Carrier for Client {
    type Response = Response;

    fn route(&self) -> &Route<Response> {
        &self.route
    }

    async fn carry_out(&self, ask: Ask) -> Answer<Response> {
        match ask {
            Ask::Write(command) => self.route.propose(command).await,
            Ask::KeepAlive(lease) => self.keep_alive_here(lease).await,
            Ask::TimeLeft(lease) => self.time_left_here(lease).await,
            Ask::Group(ask) => self.route.see_to(ask).await,
        }
    }
}

impl Client {
    /// Carries a command out; answers with the revision that it led to.
    pub(super) async fn write(
        &self,
        command: &Command,
        repeat: Repeat,
    ) -> Result<(Revision, Outcome), EngineError> {
        let bytes = command.encode()?;
        match self.ask(&Ask::Write(bytes), repeat).await? {
            Answer::Written(Response { revision, outcome: Some(outcome) }) => {
                Ok((revision, outcome.map_err(refused)?))
            }
            other => Err(EngineError::unexpected(&other)),
        }
    }

    /// Asks the leader, which may be this node.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        repeat: Repeat,
    ) -> Result<Answer<Response>, EngineError> {
        self.route.ask(self, ask, repeat).await
    }

    /// The time is taken first; that this node led then is shown next; then the lease lives on.
    async fn keep_alive_here(&self, lease: LeaseId) -> Answer<Response> {
        let node = &self.route.node;
        let asked = self.local.attend(node, |desk, _, now| desk.keep_alive(lease, now));
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return left(Err(error)),
        };
        if let Err(error) = node.read_index().await {
            return Answer::NotDone(error.to_string());
        }
        left(self.local.attend(node, |desk, _, _| desk.confirmed(asked)))
    }

    async fn time_left_here(&self, lease: LeaseId) -> Answer<Response> {
        let node = &self.route.node;
        if let Err(error) = node.read_index().await {
            return Answer::NotDone(error.to_string());
        }
        let found = self.local.attend(node, |desk, kv, now| desk.time_to_live(kv, lease, now));
        left(found.map(|found| found.left_ms))
    }
}

/// What the machine says where it changed nothing.
fn refused(error: KvError) -> EngineError {
    match error {
        KvError::Request(error) => EngineError::Invalid(error),
        KvError::SessionNotFound { session } => EngineError::SessionExpired { session },
        KvError::AnswerGone { sequence } => {
            let reason = format!("the session has forgotten what it answered to {sequence}");
            EngineError::Unknown { reason }
        }
        other => EngineError::Refused(other),
    }
}

fn left(found: Result<u64, LeaseError>) -> Answer<Response> {
    match found {
        Ok(left_ms) => Answer::Left(Some(left_ms)),
        Err(LeaseError::NotFound { .. }) => Answer::Left(None),
        Err(error @ LeaseError::NotLeading) => Answer::NotDone(error.to_string()),
    }
}
