//! The workload of the key-value machine on a machine that does nothing: neither answers nor states
//! are hashed, no history is kept, and no order is looked for at the end.

use bytes::Bytes;
use quorate_core::EntryRef;
use quorate_driver::{InstallError, SerializeState, StateMachine};
use quorate_sim::{
    history::Told,
    profile::Settings,
    system::{Asked, Draw, KvOperation, KvSystem, System, Turn},
};

/// Asks for what [`KvSystem`] asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Null {
    kv: KvSystem,
}

/// Keeps nothing.
pub(crate) struct Nothing;

impl StateMachine for Nothing {
    type Response = ();

    fn apply_entry(&mut self, _: EntryRef<'_>) {}

    fn snapshot(&self) -> SerializeState {
        Box::new(Vec::new)
    }

    fn install(&mut self, _: Bytes) -> Result<(), InstallError> {
        Ok(())
    }
}

impl System for Null {
    const NAME: &'static str = "null";
    type Machine = Nothing;
    type Operation = KvOperation;
    type Answer = Told;

    fn machine(&self) -> Nothing {
        Nothing
    }

    fn prepare(&mut self, settings: &Settings) {
        self.kv.prepare(settings);
    }

    fn draw(&self, turn: &Turn<'_>, draw: &mut Draw<'_>) -> KvOperation {
        self.kv.draw(turn, draw)
    }

    fn is_read(&self, operation: &KvOperation) -> bool {
        self.kv.is_read(operation)
    }

    fn command(&self, asked: &Asked<'_, KvOperation>) -> Bytes {
        self.kv.command(asked)
    }

    fn answer(&self, _: &KvOperation, (): &()) -> Option<Told> {
        Some(Told::Done)
    }

    fn read(&self, _: &Nothing, _: &KvOperation) -> Told {
        Told::Got(None)
    }

    fn hash_response(&self, (): &()) -> u64 {
        0
    }

    fn fingerprint(&self, _: &Nothing) -> u64 {
        0
    }
}
