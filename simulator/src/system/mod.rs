//! What a world is of: a state machine, what clients ask of it, and what must be true of it.
//!
//! A [`World`](crate::world::World) knows Raft, networks, disks and clocks, and nothing of what is
//! replicated. That is told by a [`System`]; [`KvSystem`] is the one that the command line runs.

mod kv;
mod turn;

use std::fmt::Debug;

use bytes::Bytes;
use quorate_driver::StateMachine;
use serde::{Serialize, de::DeserializeOwned};

pub use kv::{KvOperation, KvSystem};
pub use turn::{Asked, Change, Draw, End, Turn, Wanted};

use crate::{
    hash::{mix, mix_bytes},
    oracle::Violation,
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

    /// The state machine of a node that starts: empty.
    fn machine(&self) -> Self::Machine;

    /// What a client asks for next, where no list says so.
    fn draw(&self, turn: &Turn<'_>, draw: &mut Draw<'_>) -> Self::Operation;

    /// Whether an operation only reads: it then needs no entry of the log.
    fn is_read(&self, operation: &Self::Operation) -> bool;

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
