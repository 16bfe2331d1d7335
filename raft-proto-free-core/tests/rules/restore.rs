//! What a node starts from, and what it does not start from.

use std::sync::Arc;

use quorate_core::*;

const INCARNATION: u64 = 3;
const HOUR: u64 = 3_600_000_000_000;

fn id(node: u64) -> NodeId {
    NodeId::of(node)
}

fn voters(list: &[u64]) -> Arc<Configuration> {
    Arc::new(Configuration::new(list.iter().map(|node| id(*node))))
}

fn start(persisted: Persisted) -> Result<Raft, RestoreError> {
    Raft::restore(Config::new(id(1), 7), persisted, Timestamp(0))
}

fn refusal(persisted: Persisted) -> Option<RestoreError> {
    let tells = start(persisted).err();
    tells.inspect(|error| assert!(!error.to_string().is_empty()))
}

fn found(configuration: Configuration) -> Persisted {
    Persisted::Bootstrap { configuration: Arc::new(configuration), incarnation: 1 }
}

/// Five entries of term 1 and 2 behind nothing, all applied; then other things are changed.
#[derive(Clone)]
struct Storage {
    hard_state: HardState,
    snapshot: Option<Arc<SnapshotMeta>>,
    log: LogSummary,
    applied: u64,
}

fn summary(base: LogId, last: LogId, runs: &[(u64, u64)]) -> LogSummary {
    let runs = runs.iter().map(|(term, first)| TermRun { term: *term, first: *first });
    LogSummary::from_parts(base, last, runs, []).expect("a sound log")
}

fn storage() -> Storage {
    let log = summary(LogId::ZERO, LogId::new(2, 5), &[(1, 1), (2, 3)]);
    let hard_state = HardState { term: 2, voted_for: None, promise: 0 };
    Storage { hard_state, snapshot: None, log, applied: 5 }
}

fn snapshot(term: u64, index: u64) -> Option<Arc<SnapshotMeta>> {
    Some(Arc::new(SnapshotMeta { last: LogId::new(term, index), configuration: voters(&[1, 2]) }))
}

fn loaded(storage: Storage) -> Persisted {
    let Storage { hard_state, snapshot, log, applied } = storage;
    Persisted::Loaded { incarnation: INCARNATION, hard_state, snapshot, log, applied }
}

fn changed(change: impl Fn(&mut Storage)) -> Option<RestoreError> {
    let mut changed = storage();
    change(&mut changed);
    refusal(loaded(changed))
}

#[test]
fn a_group_is_founded_by_some_voters_this_node_among_the_members() {
    assert_eq!(refusal(found(Configuration::new([1, 2].map(id)))), None);
    let none = Configuration::default();
    assert_eq!(refusal(found(none)), Some(RestoreError::Voters { found: 0 }));
    assert_eq!(refusal(found(Configuration::new((1..=255).map(id)))), None);
    let many = Configuration::new((1..=256).map(id));
    assert_eq!(refusal(found(many)), Some(RestoreError::Voters { found: 256 }));
    let joint = Configuration::of([id(1)], [id(2)], [], PROTOCOL).expect("joint");
    assert_eq!(refusal(found(joint)), Some(RestoreError::Voters { found: 1 }));
    let others = Configuration::new([2, 3].map(id));
    assert_eq!(refusal(found(others)), Some(RestoreError::NotAMember));
    let learner = Learner { id: id(1), promotion: Promotion::OnDemand };
    let learns = Configuration::of([id(2)], [], [learner], PROTOCOL).expect("a learner");
    assert_eq!(refusal(found(learns)), None);
    let newer = Configuration::of([id(1)], [], [], PROTOCOL + 1).expect("another protocol");
    let unknown = RestoreError::UnknownProtocol { version: PROTOCOL + 1 };
    assert_eq!(refusal(found(newer)), Some(unknown));
}

#[test]
fn a_life_has_a_number() {
    let configuration = voters(&[1]);
    let founded = Persisted::Bootstrap { configuration, incarnation: 0 };
    assert_eq!(refusal(founded), Some(RestoreError::NoIncarnation));
    assert_eq!(refusal(Persisted::Join { incarnation: 0 }), Some(RestoreError::NoIncarnation));
    assert_eq!(refusal(Persisted::Join { incarnation: 1 }), None);
}

#[test]
fn the_knobs_are_looked_at() {
    let config = Config { heartbeat_interval: 0, ..Config::new(id(1), 7) };
    let started = Raft::restore(config, Persisted::Join { incarnation: 1 }, Timestamp(0));
    assert!(matches!(started.err(), Some(RestoreError::Config(_))));
}

#[test]
fn a_storage_on_which_nothing_was_ever_written_is_refused() {
    let empty = Storage {
        hard_state: HardState::default(),
        snapshot: None,
        log: LogSummary::default(),
        applied: 0,
    };
    assert_eq!(refusal(loaded(empty.clone())), Some(RestoreError::EmptyStorage));
    let voted = HardState { term: 1, voted_for: Some(id(2)), promise: 0 };
    assert_eq!(refusal(loaded(Storage { hard_state: voted, ..empty })), None);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let out = Some(RestoreError::OutOfRange);
    assert_eq!(changed(|storage| storage.hard_state.term = TERM_LIMIT - 1), None);
    assert_eq!(changed(|storage| storage.hard_state.term = TERM_LIMIT), out);
    assert_eq!(changed(|storage| storage.hard_state.promise = HOUR), None);
    assert_eq!(changed(|storage| storage.hard_state.promise = HOUR + 1), out);
}

#[test]
fn a_log_that_contradicts_its_snapshot_its_term_or_the_state_machine_is_refused() {
    assert_eq!(changed(|_| {}), None);
    assert_eq!(changed(|storage| storage.snapshot = snapshot(1, 2)), None);
    assert_eq!(changed(|storage| storage.snapshot = snapshot(2, 5)), None);
    let gap = |snapshot| {
        let (base, last) = (LogId::ZERO, LogId::new(2, 5));
        Some(RestoreError::Gap { base, last, snapshot })
    };
    let beyond = changed(|storage| storage.snapshot = snapshot(2, 6));
    assert_eq!(beyond, gap(LogId::new(2, 6)));
    assert_eq!(changed(|storage| storage.snapshot = snapshot(2, 2)), gap(LogId::new(2, 2)));
    let behind = LogId::new(2, 4);
    let headless = |storage: &mut Storage| {
        storage.log = summary(behind, LogId::new(2, 5), &[(2, 5)]);
    };
    let (base, last, none) = (behind, LogId::new(2, 5), LogId::ZERO);
    let lost = Some(RestoreError::Gap { base, last, snapshot: none });
    assert_eq!(changed(headless), lost);
    let whole = |storage: &mut Storage| {
        headless(storage);
        storage.snapshot = snapshot(2, 4);
    };
    assert_eq!(changed(whole), None);
    let early = changed(|storage| storage.hard_state.term = 1);
    assert_eq!(early, Some(RestoreError::TermBehindLog { last, term: 1 }));
    let ahead = changed(|storage| storage.applied = 6);
    assert_eq!(ahead, Some(RestoreError::AppliedBeyondLog { applied: 6, last }));
}

#[test]
fn a_group_that_speaks_a_newer_protocol_is_refused() {
    let version = PROTOCOL + 1;
    let newer = changed(|storage| {
        let configuration = Configuration::of([id(1)], [], [], version).expect("newer");
        let last = LogId::new(1, 2);
        let configuration = Arc::new(configuration);
        storage.snapshot = Some(Arc::new(SnapshotMeta { last, configuration }));
    });
    assert_eq!(newer, Some(RestoreError::UnknownProtocol { version }));
}

#[test]
fn a_life_goes_on_where_the_last_one_ended() {
    let raft = start(loaded(Storage { snapshot: snapshot(1, 2), applied: 4, ..storage() }));
    let raft = raft.expect("a sound storage");
    let status = raft.status();
    assert_eq!((status.term, status.durable, status.commit, status.applied), (2, 5, 4, 4));
    assert_eq!((raft.node(), status.configuration.voters()), (id(1), &[1, 2].map(id)[..]));
    let raft = start(loaded(Storage { snapshot: snapshot(2, 5), applied: 4, ..storage() }));
    let raft = raft.expect("a sound storage");
    assert_eq!((raft.status().commit, raft.status().applied), (5, 4));
}

#[test]
fn the_parts_of_a_log_are_taken_only_where_they_agree() {
    let parts = |base: (u64, u64), last: (u64, u64), runs: &[(u64, u64)], members: &[u64]| {
        let (base, last) = (LogId::new(base.0, base.1), LogId::new(last.0, last.1));
        let runs = runs.iter().map(|(term, first)| TermRun { term: *term, first: *first });
        let members = members.iter().map(|index| (*index, voters(&[1])));
        LogSummary::from_parts(base, last, runs, members).is_some()
    };
    assert!(parts((0, 0), (0, 0), &[], &[]));
    assert!(parts((2, 4), (2, 4), &[], &[]));
    assert!(parts((2, 4), (3, 9), &[(2, 5), (3, 7)], &[5, 9]));
    assert!(!parts((2, 4), (3, 9), &[(2, 6), (3, 7)], &[]), "a hole behind the base");
    assert!(!parts((2, 4), (3, 9), &[(2, 5), (2, 7)], &[]), "one term in two runs");
    assert!(!parts((2, 4), (4, 9), &[(2, 5), (3, 7), (4, 7)], &[]), "an empty run");
    assert!(!parts((2, 4), (3, 9), &[(1, 5), (3, 7)], &[]), "an older term than the base's");
    assert!(!parts((2, 4), (3, 9), &[(2, 5), (3, 10)], &[]), "a run beyond the end");
    assert!(parts((2, 4), (3, 9), &[(2, 5), (3, 9)], &[]));
    assert!(!parts((2, 4), (4, 9), &[(2, 5), (3, 7)], &[]), "another last term");
    assert!(!parts((2, 4), (2, 9), &[], &[]), "entries of no run");
    assert!(!parts((2, 4), (2, 4), &[(2, 5)], &[]), "a run of no entry");
    assert!(!parts((2, 4), (3, 9), &[(2, 5), (3, 7)], &[4]), "members at the base");
    assert!(!parts((2, 4), (3, 9), &[(2, 5), (3, 7)], &[10]), "members beyond the end");
    assert!(!parts((2, 4), (3, 9), &[(2, 5), (3, 7)], &[9, 5]), "members out of order");
    assert!(!parts((2, 4), (3, 9), &[(2, 5), (3, 7)], &[5, 5]), "members twice");
    let far = INDEX_LIMIT;
    assert!(parts((0, 0), (1, far - 1), &[(1, 1)], &[]));
    assert!(!parts((0, 0), (1, far), &[(1, 1)], &[]));
    assert!(parts((0, 0), (TERM_LIMIT - 1, 1), &[(TERM_LIMIT - 1, 1)], &[]));
    assert!(!parts((0, 0), (TERM_LIMIT, 1), &[(TERM_LIMIT, 1)], &[]));
}
