//! How a life begins (paper §5.1, §5.2: a restart changes nothing that was durable).

use alloc::{collections::VecDeque, sync::Arc};

use smallvec::smallvec;

use crate::{
    action::{HardState, SnapshotMeta},
    clock::Clock,
    config::Config,
    configuration::{Configuration, VOTERS_LIMIT},
    draw::Draws,
    durability::Durability,
    entries::{Batch, Entries, Payload},
    inspect::PROMISE_LIMIT,
    log::Log,
    persisted::{Persisted, RestoreError},
    raft::{Draft, Raft},
    role::{Follower, Role},
    status::Drops,
    types::{Index, LogId, TERM_LIMIT, Timestamp},
};

/// The founding entry is of this term, in which nobody leads: the first elected term is the next.
const FOUNDING: LogId = LogId::new(1, 1);

impl Raft {
    /// Starts a node from what is on its disk.
    ///
    /// # Errors
    /// [`RestoreError`] where the configuration is out of range, the storage contradicts itself, a
    /// new group is founded without this node, or nothing was ever stored.
    pub fn restore(
        config: impl Into<Arc<Config>>,
        persisted: Persisted,
        now: Timestamp,
    ) -> Result<Raft, RestoreError> {
        let config = config.into();
        config.validate()?;
        match persisted {
            Persisted::Bootstrap { configuration, incarnation } => {
                found(config, configuration, incarnation, now)
            }
            Persisted::Loaded { incarnation, hard_state, snapshot, entries, applied } => {
                let loaded = Loaded { incarnation, hard_state, snapshot, entries, applied };
                load(config, loaded, now)
            }
        }
    }
}

struct Loaded {
    incarnation: u64,
    hard_state: HardState,
    snapshot: Option<Arc<SnapshotMeta>>,
    entries: Entries,
    applied: Index,
}

fn found(
    config: Arc<Config>,
    configuration: Arc<Configuration>,
    incarnation: u64,
    now: Timestamp,
) -> Result<Raft, RestoreError> {
    let voters = configuration.voters().len() as u64;
    if !(1..=u64::from(VOTERS_LIMIT)).contains(&voters) {
        return Err(RestoreError::Voters { found: voters });
    }
    if !configuration.is_voter(config.node) {
        return Err(RestoreError::NotAMember);
    }
    let mut raft = begin(config, incarnation, LogId::ZERO, Arc::default(), now)?;
    raft.hard_state.term = FOUNDING.term;
    // The same entry on every founding member: their logs agree from the start.
    let founding = Batch::new(FOUNDING, [Payload::Configuration(configuration)].into());
    raft.append(founding.expect("one entry is a batch"));
    raft.start_waiting();
    Ok(raft)
}

fn load(config: Arc<Config>, loaded: Loaded, now: Timestamp) -> Result<Raft, RestoreError> {
    let Loaded { incarnation, hard_state, snapshot, entries, applied } = loaded;
    if hard_state == HardState::default() && snapshot.is_none() && entries.is_empty() {
        return Err(RestoreError::EmptyStorage);
    }
    let base = snapshot.as_ref().map_or(LogId::ZERO, |snapshot| snapshot.last);
    let last = entries.last().unwrap_or(base);
    if let Some(first) = entries.first()
        && (first.index != base.index + 1 || first.term < base.term)
    {
        return Err(RestoreError::Gap { found: first, snapshot: base });
    }
    if last.term > hard_state.term {
        return Err(RestoreError::TermBehindLog { last, term: hard_state.term });
    }
    if hard_state.term >= TERM_LIMIT || hard_state.promise > PROMISE_LIMIT {
        return Err(RestoreError::OutOfRange);
    }
    if applied > last.index {
        return Err(RestoreError::AppliedBeyondLog { applied, last });
    }
    let configuration = snapshot.map(|snapshot| snapshot.configuration.clone());
    let mut raft = begin(config, incarnation, base, configuration.unwrap_or_default(), now)?;
    raft.hard_state = hard_state;
    for batch in entries.batches() {
        raft.append(batch.clone());
    }
    raft.durability = Durability::new(incarnation, last.index, hard_state);
    raft.draft = Draft { due: false, truncate_from: last.index + 1, entries: Entries::new() };
    // Only what was applied is known to be committed; the rest is learned from the leader.
    let applied = applied.max(base.index);
    (raft.commit, raft.given, raft.applied) = (applied, applied, applied);
    raft.start_waiting();
    Ok(raft)
}

/// A node that knows nothing but its base.
fn begin(
    config: Arc<Config>,
    incarnation: u64,
    base: LogId,
    configuration: Arc<Configuration>,
    now: Timestamp,
) -> Result<Raft, RestoreError> {
    if incarnation == 0 {
        return Err(RestoreError::NoIncarnation);
    }
    Ok(Raft {
        config,
        incarnation,
        clock: Clock::new(now),
        draws: Draws::new(),
        campaigns: 0,
        hard_state: HardState::default(),
        log: Log::new(base),
        configurations: smallvec![(base.index, configuration)],
        durability: Durability::new(incarnation, base.index, HardState::default()),
        draft: Draft { due: false, truncate_from: base.index + 1, entries: Entries::new() },
        role: Role::Follower(Follower::default()),
        promised_until: 0,
        election_due: 0,
        jitter: 0,
        held_vote: None,
        commit: base.index,
        given: base.index,
        applied: base.index,
        unapplied: VecDeque::new(),
        unapplied_bytes: 0,
        drops: Drops::default(),
        halted: false,
    })
}

impl Raft {
    /// Keeps in full what an earlier life promised, since it is not known how much of it is left;
    /// then waits for a leader. A lone voter has nobody to wait for.
    fn start_waiting(&mut self) {
        self.promised_until = self.hard_state.promise;
        self.redraw_election_timer();
        if self.configuration().voters() == [self.config.node] && self.hard_state.promise == 0 {
            self.election_due = 0;
        }
    }
}
