//! A run of entries that shares one allocation from proposal to apply.
//!
//! How entries are grouped into batches is a matter of speed: it changes neither equality nor any
//! action.

use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};

use smallvec::SmallVec;

use crate::{
    configuration::Configuration,
    entries::{EntryRef, Payload},
    types::{Index, LogId, Term},
};

/// The payloads of one proposal, shared by the log, every message and the state machine.
#[derive(Clone)]
pub struct Commands(Arc<Block>);

/// What is shared. A single payload needs no second allocation.
struct Block {
    payloads: SmallVec<[Payload; 1]>,
    /// Cost of all `payloads`. Bytes.
    cost: u64,
    /// Whether there is anything but commands among `payloads`: rare, and so not looked for twice.
    has_others: bool,
    /// Whether any of `payloads` is a configuration.
    has_configuration: bool,
}

impl Commands {
    /// What limits count: the commands' bytes and
    /// [`ENTRY_OVERHEAD_BYTES`](crate::entries::ENTRY_OVERHEAD_BYTES) for each.
    pub fn cost(&self) -> u64 {
        self.0.cost
    }

    /// Whether all are [`Payload::Command`]s.
    pub(crate) fn are_commands(&self) -> bool {
        !self.0.has_others
    }

    fn of(payloads: SmallVec<[Payload; 1]>) -> Commands {
        let mut block = Block { payloads, cost: 0, has_others: false, has_configuration: false };
        for payload in &block.payloads {
            block.cost += payload.cost();
            match payload {
                Payload::Command(_) => {}
                Payload::Noop => block.has_others = true,
                Payload::Configuration(_) => {
                    block.has_others = true;
                    block.has_configuration = true;
                }
            }
        }
        Commands(Arc::new(block))
    }
}

impl Deref for Commands {
    type Target = [Payload];

    fn deref(&self) -> &[Payload] {
        &self.0.payloads
    }
}

impl FromIterator<Payload> for Commands {
    fn from_iter<I: IntoIterator<Item = Payload>>(payloads: I) -> Commands {
        Commands::of(payloads.into_iter().collect())
    }
}

impl From<Vec<Payload>> for Commands {
    fn from(payloads: Vec<Payload>) -> Commands {
        Commands::of(SmallVec::from_vec(payloads))
    }
}

impl From<Payload> for Commands {
    fn from(payload: Payload) -> Commands {
        Commands::of(SmallVec::from_buf([payload]))
    }
}

impl PartialEq for Commands {
    fn eq(&self, other: &Commands) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Commands {}

impl Hash for Commands {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// Consecutive entries of one term, or a part of them. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    commands: Commands,
    /// The name of the first entry.
    first: LogId,
    /// Where in `commands` the first entry lies.
    offset: u32,
    len: u32,
}

impl Batch {
    /// None where `commands` is empty or longer than a batch can be.
    pub(crate) fn new(first: LogId, commands: Commands) -> Option<Batch> {
        let len = u32::try_from(commands.len()).ok().filter(|len| *len > 0)?;
        Some(Batch { commands, first, offset: 0, len })
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn term(&self) -> Term {
        self.first.term
    }

    pub(crate) fn first_index(&self) -> Index {
        self.first.index
    }

    pub(crate) fn last_index(&self) -> Index {
        self.first.index + u64::from(self.len) - 1
    }

    pub(crate) fn last(&self) -> LogId {
        LogId::new(self.first.term, self.last_index())
    }

    pub(crate) fn payloads(&self) -> &[Payload] {
        &self.commands[self.offset as usize..(self.offset + self.len) as usize]
    }

    /// Whether a configuration may be among the entries: one is, or was in what this is a part of.
    #[inline]
    pub(crate) fn has_configuration(&self) -> bool {
        self.commands.0.has_configuration
    }

    /// The configurations among the entries, with their places.
    #[inline]
    pub(crate) fn configurations(&self) -> impl Iterator<Item = (Index, &Arc<Configuration>)> {
        let searched = if self.has_configuration() { self.payloads() } else { &[] };
        searched.iter().zip(self.first_index()..).filter_map(|(payload, index)| match payload {
            Payload::Configuration(configuration) => Some((index, configuration)),
            Payload::Noop | Payload::Command(_) => None,
        })
    }

    #[inline]
    pub(crate) fn cost(&self) -> u64 {
        if self.len as usize == self.commands.len() {
            return self.commands.cost();
        }
        self.cost_of_part()
    }

    fn cost_of_part(&self) -> u64 {
        self.payloads().iter().map(Payload::cost).sum()
    }

    /// The part from `from` through `through`, both within the batch.
    pub(crate) fn slice(&self, from: Index, through: Index) -> Batch {
        debug_assert!(
            self.first_index() <= from && from <= through && through <= self.last_index()
        );
        let skipped = from - self.first_index();
        Batch {
            commands: self.commands.clone(),
            first: LogId::new(self.first.term, from),
            offset: self.offset + skipped as u32,
            len: (through - from + 1) as u32,
        }
    }

    /// As many of its first entries as cost at most `left`; one at least where `force` is set.
    pub(crate) fn fitting(&self, left: u64, force: bool) -> Option<Batch> {
        if self.cost() <= left {
            return Some(self.clone());
        }
        let mut used = 0;
        let costs = self.payloads().iter().map(Payload::cost);
        let fits = costs.take_while(|cost| {
            used += cost;
            used <= left
        });
        let count = (fits.count() as u64).max(u64::from(force));
        (count > 0).then(|| self.slice(self.first_index(), self.first_index() + count - 1))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        let (term, first) = (self.term(), self.first_index());
        self.payloads()
            .iter()
            .zip(first..)
            .map(move |(payload, index)| EntryRef { log_id: LogId::new(term, index), payload })
    }
}

#[cfg(feature = "serde")]
mod encoding {
    //! As a list, so that sharing leaves no trace.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Commands, Payload, Vec};

    impl Serialize for Commands {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.iter())
        }
    }

    impl<'de> Deserialize<'de> for Commands {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Commands, D::Error> {
            Vec::<Payload>::deserialize(deserializer).map(Commands::from)
        }
    }
}
