//! How a life begins (paper §5.1, §5.2: a restart changes nothing that was durable).

use alloc::sync::Arc;

use crate::{
    action::{HardState, SnapshotMeta},
    aside::Aside,
    batch::Batch,
    clock::Clock,
    config::Config,
    configuration::{Configuration, PROTOCOL, VOTERS_LIMIT},
    draw::Draws,
    durability::Durability,
    entries::Payload,
    inspect::PROMISE_LIMIT,
    log::Log,
    persisted::{Persisted, RestoreError},
    queue::Queue,
    raft::{Draft, Raft},
    role::{Follower, Role},
    status::Tally,
    summary::LogSummary,
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
            Persisted::Join { incarnation } => join(config, incarnation, now),
            Persisted::Loaded { incarnation, hard_state, snapshot, log, applied } => {
                let loaded = Loaded { hard_state, snapshot, log, applied };
                load(config, incarnation, loaded, now)
            }
        }
    }
}

struct Loaded {
    hard_state: HardState,
    snapshot: Option<Arc<SnapshotMeta>>,
    log: LogSummary,
    applied: Index,
}

fn found(
    config: Arc<Config>,
    configuration: Arc<Configuration>,
    incarnation: u64,
    now: Timestamp,
) -> Result<Raft, RestoreError> {
    let voters = configuration.voters().len() as u64;
    let is_joint = configuration.is_joint();
    if !(1..=u64::from(VOTERS_LIMIT)).contains(&voters) || is_joint {
        return Err(RestoreError::Voters { found: voters });
    }
    if !configuration.is_member(config.node) {
        return Err(RestoreError::NotAMember);
    }
    speaks(configuration.protocol())?;
    let mut raft = begin(config, incarnation, LogSummary::default(), now)?;
    raft.hard_state.term = FOUNDING.term;
    // The same entry on every founding member: their logs agree from the start.
    let founding = Batch::new(FOUNDING, Payload::Configuration(configuration).into());
    raft.append(founding.expect("one entry is a batch"));
    raft.start_waiting();
    Ok(raft)
}

/// Passive: without a configuration it is no voter, and so never campaigns.
fn join(config: Arc<Config>, incarnation: u64, now: Timestamp) -> Result<Raft, RestoreError> {
    let mut raft = begin(config, incarnation, LogSummary::default(), now)?;
    raft.start_waiting();
    Ok(raft)
}

fn load(
    config: Arc<Config>,
    incarnation: u64,
    loaded: Loaded,
    now: Timestamp,
) -> Result<Raft, RestoreError> {
    let Loaded { hard_state, snapshot, log, applied } = loaded;
    judge(hard_state, snapshot.as_deref(), &log, applied)?;
    let covered = snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index);
    let mut raft = begin(config, incarnation, log, now)?;
    raft.hard_state = hard_state;
    raft.snapshot = snapshot;
    raft.durability = Durability::new(raft.log.last().index, hard_state);
    speaks(raft.configuration().protocol())?;
    // Only what was applied, or is in a snapshot, is known to be committed; the rest is learned
    // from the leader. What only the snapshot has is installed first.
    raft.commit = applied.max(covered);
    (raft.given, raft.applied) = (applied, applied);
    raft.start_waiting();
    Ok(raft)
}

/// Whether the storage contradicts itself.
fn judge(
    hard_state: HardState,
    snapshot: Option<&SnapshotMeta>,
    log: &LogSummary,
    applied: Index,
) -> Result<(), RestoreError> {
    let (base, last) = (log.base(), log.last());
    if hard_state == HardState::default() && snapshot.is_none() && last == LogId::ZERO {
        return Err(RestoreError::EmptyStorage);
    }
    let is_sane = hard_state.term < TERM_LIMIT && hard_state.promise <= PROMISE_LIMIT;
    if !is_sane || !log.is_sound() {
        return Err(RestoreError::OutOfRange);
    }
    let covered = snapshot.map_or(LogId::ZERO, |snapshot| snapshot.last);
    if !log.holds(covered) && covered != base {
        return Err(RestoreError::Gap { base, last, snapshot: covered });
    }
    if last.term > hard_state.term {
        return Err(RestoreError::TermBehindLog { last, term: hard_state.term });
    }
    if applied > last.index {
        return Err(RestoreError::AppliedBeyondLog { applied, last });
    }
    Ok(())
}

fn speaks(version: u16) -> Result<(), RestoreError> {
    if version > PROTOCOL { Err(RestoreError::UnknownProtocol { version }) } else { Ok(()) }
}

/// A node that knows nothing but which entries its log holds.
fn begin(
    config: Arc<Config>,
    incarnation: u64,
    log: LogSummary,
    now: Timestamp,
) -> Result<Raft, RestoreError> {
    if incarnation == 0 {
        return Err(RestoreError::NoIncarnation);
    }
    let base = log.base().index;
    Ok(Raft {
        config,
        incarnation,
        clock: Clock::new(now),
        draws: Draws::new(),
        tokens: 0,
        hard_state: HardState::default(),
        durability: Durability::new(base, HardState::default()),
        draft: Draft { from: log.last().index + 1, ..Draft::default() },
        log: Log::new(log),
        snapshot: None,
        snapshot_write: 0,
        role: Role::Follower(Follower::default()),
        promised_until: 0,
        election_due: 0,
        jitter: 0,
        aside: Aside::default(),
        commit: 0,
        given: 0,
        applied: 0,
        unapplied: Queue::new(),
        unapplied_bytes: 0,
        log_reads: Queue::new(),
        drops: Tally::default(),
        stalled: false,
        wants_snapshot: false,
        is_space_low: false,
        stopping: false,
        halted: false,
    })
}

impl Raft {
    /// Keeps in full what an earlier life promised, since it is not known how much of it is left;
    /// then waits for a leader. A lone voter has nobody to wait for.
    fn start_waiting(&mut self) {
        self.promised_until = self.clock.now().saturating_add(self.hard_state.promise);
        self.redraw_election_timer();
        let members = self.configuration();
        let is_alone = members.voters() == [self.config.node] && !members.is_joint();
        if is_alone && self.hard_state.promise == 0 {
            self.election_due = 0;
        }
    }
}
