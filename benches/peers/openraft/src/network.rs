//! Openraft's network within the process: a call of the target's own methods.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use futures_util::{Stream, StreamExt};
use openraft::{
    OptionalSend, Raft,
    base::{BoxFuture, BoxStream},
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{RPCOption, RaftNetworkFactory, RaftNetworkV2},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
        VoteRequest, VoteResponse,
    },
    type_config::alias::{SnapshotOf, VoteOf},
};

use crate::{Types, store::StateMachine};

pub(crate) type Node = Raft<Types, StateMachine>;

/// Where each node is, once it runs.
#[derive(Clone, Default)]
pub(crate) struct Router(pub(crate) Arc<Mutex<Vec<Node>>>);

pub(crate) struct Connection {
    router: Router,
    target: u64,
}

impl Connection {
    fn target(&self) -> Result<Node, RPCError<Types>> {
        let nodes = self.router.0.lock().expect("nobody panics while it holds the nodes");
        let found = nodes.get(self.target as usize).cloned();
        found.ok_or_else(|| {
            let error = std::io::Error::other("not started yet");
            RPCError::Unreachable(Unreachable::new(&error))
        })
    }
}

fn failed(error: impl std::error::Error + 'static) -> RPCError<Types> {
    RPCError::Network(NetworkError::new(&error))
}

impl RaftNetworkFactory<Types> for Router {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, (): &()) -> Connection {
        Connection { router: self.clone(), target }
    }
}

impl RaftNetworkV2<Types> for Connection {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.target()?.append_entries(request).await.map_err(failed)
    }

    /// Appends follow one another without waiting for answers.
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let answers = self.target()?.stream_append(input);
            let answers = answers.map(|answer| answer.map_err(failed));
            Ok(Box::pin(answers) as BoxStream<'s, _>)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.target()?.vote(request).await.map_err(failed)
    }

    async fn full_snapshot(
        &mut self,
        _: VoteOf<Types>,
        _: SnapshotOf<Types, ()>,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let error = std::io::Error::other("there are no snapshots here");
        Err(StreamingError::Unreachable(Unreachable::new(&error)))
    }
}
