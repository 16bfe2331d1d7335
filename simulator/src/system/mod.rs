//! What a world is of: a state machine, what clients ask of it, and what must be true of it.
//!
//! A [`World`](crate::world::World) knows Raft, networks, disks and clocks, and nothing of what is
//! replicated. That is told by a [`System`]; [`KvSystem`] is the one that the command line runs.

mod kv;
mod turn;

use std::fmt::Debug;

use bytes::Bytes;
use quorate_core::{LogId, Nanos, RequestId, Term, Timestamp};
use quorate_driver::StateMachine;
use serde::{Serialize, de::DeserializeOwned};

pub use kv::{KvAnswer, KvOperation, KvSystem, Service};
pub use turn::{Asked, Change, Draw, End, Turn, Wanted};

use crate::{
    hash::{mix, mix_bytes},
    marks::Mark,
    oracle::Violation,
    profile::Settings,
};

/// What a client is told of its operation.
pub type ResponseOf<S> = <<S as System>::Machine as StateMachine>::Response;

/// A replicated state machine with its workload and its oracle.
///
/// The value itself is the oracle: each run begins with a clone of what the case holds, which is
/// then shown what happens. It is of no node, and no fault reaches it. Everything here must be
/// deterministic: all chance comes from [`Draw`].
pub trait System: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Names the system in files of cases; a file of another system is refused.
    const NAME: &'static str;

    /// What is replicated.
    type Machine: StateMachine<Response: Debug>;

    /// What a client asks for. It stands in files, so it must be a table there: a struct, or an enum
    /// with `#[serde(tag = "…")]`; no field of it is named client, number, at or lease.
    type Operation: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// What a client is told.
    type Answer: Clone + Debug;

    /// A run of this kind is about to begin.
    fn prepare(&mut self, _settings: &Settings) {}

    /// True time, which no node sees, is `now`; to be told before anything happens at it.
    fn at(&mut self, _now: Nanos) {}

    /// The state machine of a node that starts: empty.
    fn machine(&self) -> Self::Machine;

    /// What a client asks for next, where no list says so.
    fn draw(&self, turn: &Turn<'_>, draw: &mut Draw<'_>) -> Self::Operation;

    /// Whether an operation only reads: it then needs no entry of the log.
    fn is_read(&self, operation: &Self::Operation) -> bool;

    /// Whether any node answers an operation that only reads, from what it has.
    fn is_local(&self, _operation: &Self::Operation) -> bool {
        false
    }

    /// Whether an operation that only reads may rest on a leader's lease.
    fn takes_lease(&self, _operation: &Self::Operation) -> bool {
        true
    }

    /// Whether a client asks again where nobody knows what became of its operation, as it does where
    /// that was surely not done.
    fn is_retried(&self, _operation: &Self::Operation) -> bool {
        false
    }

    /// The command that asks for an operation that does not only read. Every attempt at it gives
    /// the same one.
    fn command(&self, asked: &Asked<'_, Self::Operation>) -> Bytes;

    /// What a client is told of an operation that the state machine answered like this; none where
    /// it must not answer so.
    fn answer(
        &self,
        operation: &Self::Operation,
        response: &ResponseOf<Self>,
    ) -> Option<Self::Answer>;

    /// What a client is told of an operation that only reads.
    fn read(&self, machine: &Self::Machine, operation: &Self::Operation) -> Self::Answer;

    /// An operation that only reads came to a node, whose clock shows `time`. False where it is to
    /// ask another one.
    fn asked(
        &mut self,
        _asked: &Asked<'_, Self::Operation>,
        _machine: &mut Self::Machine,
        _request: RequestId,
        _time: Timestamp,
    ) -> bool {
        true
    }

    /// What a client is told of an operation that only reads, now that its node may answer; none
    /// where it is to ask another one. By default [`System::read`].
    fn show(
        &mut self,
        asked: &Asked<'_, Self::Operation>,
        machine: &mut Self::Machine,
        _request: RequestId,
    ) -> Option<Self::Answer> {
        Some(self.read(machine, asked.operation))
    }

    /// What a node does beside its log: told whenever anything happens to it, with what its clock
    /// shows and the term in which it leads, if it does. Gives a command that it proposes of itself.
    fn attend(
        &mut self,
        _machine: &mut Self::Machine,
        _time: Timestamp,
        _leads: Option<Term>,
    ) -> Option<Bytes> {
        None
    }

    /// What [`System::attend`] gave out in `term` was surely not proposed.
    fn refused(&mut self, _machine: &mut Self::Machine, _term: Term) {}

    /// When a node must look after what it does beside its log, by its clock.
    fn wake_at(&self, _machine: &Self::Machine) -> Option<Timestamp> {
        None
    }

    /// A node's state machine has installed a snapshot whose last entry is `last`; told before
    /// [`System::changed`].
    fn installed(&mut self, _machine: &mut Self::Machine, _last: LogId) {}

    /// A hash of a response, which is the same on every node. By default of its `Debug` text.
    fn hash_response(&self, response: &ResponseOf<Self>) -> u64 {
        mix_bytes(0, format!("{response:?}").as_bytes())
    }

    /// A hash of the state, taken after every entry: equal logs must give equal ones. By default of
    /// the bytes of a snapshot, which costs as much as the state is large.
    fn fingerprint(&self, machine: &Self::Machine) -> u64 {
        mix_bytes(0, &machine.snapshot()())
    }

    /// Simpler versions of an operation for the shrinker, the simplest first; each must be simpler
    /// than the one given, so that this comes to an end.
    fn simpler(&self, _operation: &Self::Operation) -> Vec<Self::Operation> {
        Vec::new()
    }

    /// A client begins an operation. No two `moment`s of a run are equal, and later ones are larger.
    fn begun(&mut self, _asked: &Asked<'_, Self::Operation>, _moment: u64) {}

    /// An operation is over for its client.
    ///
    /// # Errors
    /// What must not be, as [`Violation::model`] or another one.
    fn ended(
        &mut self,
        _asked: &Asked<'_, Self::Operation>,
        _end: &End<Self::Answer>,
        _moment: u64,
    ) -> Result<(), Violation> {
        Ok(())
    }

    /// A node's state machine has changed, and is in this state now.
    ///
    /// # Errors
    /// What must not be.
    fn changed(
        &mut self,
        _node: u64,
        _change: &Change<'_, ResponseOf<Self>>,
        _machine: &Self::Machine,
    ) -> Result<(), Violation> {
        Ok(())
    }

    /// The run is over, and all is well but for what is said here. `machine` has applied the whole
    /// log, and every member is in the same state.
    ///
    /// # Errors
    /// What must not be.
    fn finished(&mut self, _machine: &Self::Machine) -> Result<(), Violation> {
        Ok(())
    }

    /// What the group has yet to do of itself, once clients have ceased to ask: the run goes on until
    /// there is nothing, and must come to that in the time that a group has to come back.
    fn unfinished(&self) -> Option<String> {
        None
    }

    /// What was reached that only the system knows of.
    fn reached(&self) -> Vec<(Mark, u64)> {
        Vec::new()
    }

    /// Searches that [`System::finished`] gave up, which are counted.
    fn searches_given_up(&self) -> u64 {
        0
    }
}

/// A hash of a response and of the state behind it.
pub(crate) fn hash_of<S: System>(
    system: &S,
    response: &ResponseOf<S>,
    machine: &S::Machine,
) -> u64 {
    mix(system.hash_response(response), system.fingerprint(machine))
}
