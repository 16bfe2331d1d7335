//! Entries that a decoder or a log store puts together: what follows what, and what does not.

use std::hash::{DefaultHasher, Hash, Hasher};

use quorate_core::*;

fn run(term: u64, index: u64, count: usize) -> Entries {
    let payloads = commands(vec![vec![7_u8; 4]; count]);
    Entries::from_payloads(LogId::new(term, index), payloads).expect("a run in range")
}

fn names(entries: &Entries) -> Vec<(u64, u64)> {
    entries.iter().map(|entry| (entry.log_id.term, entry.log_id.index)).collect()
}

#[test]
fn a_run_is_named_from_its_first_entry_on() {
    let entries = run(3, 5, 2);
    assert_eq!(names(&entries), [(3, 5), (3, 6)]);
    assert_eq!((entries.len(), entries.is_empty()), (2, false));
    assert_eq!((entries.first(), entries.last()), (Some(LogId::new(3, 5)), Some(LogId::new(3, 6))));
    assert_eq!(entries.cost(), 2 * (4 + entries::ENTRY_OVERHEAD_BYTES));
    assert_eq!((Entries::new().len(), Entries::new().first()), (0, None));
}

#[test]
fn a_run_must_be_in_range() {
    let append = |term, index, count| {
        let payloads = commands(vec![vec![7_u8]; count]);
        Entries::new().append(LogId::new(term, index), payloads)
    };
    assert_eq!(append(1, 1, 0), Err(EntriesError::Length));
    assert_eq!(append(1, 0, 1), Err(EntriesError::Index { expected: 0, found: 0 }));
    assert_eq!(append(0, 1, 1), Err(EntriesError::Term { last: 1, found: 0 }));
    assert_eq!(append(TERM_LIMIT - 1, 1, 1), Ok(()));
    assert!(matches!(append(TERM_LIMIT, 1, 1), Err(EntriesError::Term { .. })));
    assert!(matches!(append(1, INDEX_LIMIT, 1), Err(EntriesError::Index { .. })));
    assert_eq!(append(1, INDEX_LIMIT - 1, 1), Ok(()));
    assert_eq!(append(1, INDEX_LIMIT - 2, 2), Ok(()));
    assert!(matches!(append(1, INDEX_LIMIT - 2, 3), Err(EntriesError::Index { .. })));
}

#[test]
fn runs_follow_one_another_and_terms_never_fall() {
    let mut entries = run(2, 5, 2);
    let one = || commands(["x"]);
    assert!(matches!(
        entries.append(LogId::new(2, 8), one()),
        Err(EntriesError::Index { expected: 7, found: 8 })
    ));
    assert_eq!(
        entries.append(LogId::new(1, 7), one()),
        Err(EntriesError::Term { last: 2, found: 1 })
    );
    assert_eq!(entries.append(LogId::new(4, 7), one()), Ok(()));
    assert_eq!(names(&entries), [(2, 5), (2, 6), (4, 7)]);
}

#[test]
fn entries_are_joined_only_where_they_follow() {
    let mut entries = run(2, 5, 2);
    let wrong = entries.clone().extend(run(2, 8, 1));
    assert_eq!(wrong, Err(EntriesError::Index { expected: 7, found: 8 }));
    let older = entries.clone().extend(run(1, 7, 1));
    assert_eq!(older, Err(EntriesError::Term { last: 2, found: 1 }));
    let mut more = run(2, 7, 1);
    more.extend(run(3, 8, 2)).expect("they follow");
    entries.extend(more).expect("they follow");
    assert_eq!(names(&entries), [(2, 5), (2, 6), (2, 7), (3, 8), (3, 9)]);
    entries.extend(Entries::new()).expect("nothing follows anything");
    let mut empty = Entries::new();
    empty.extend(entries.clone()).expect("anything follows nothing");
    assert_eq!(empty, entries);
}

#[test]
fn entries_are_cut_at_either_end() {
    let mut all = run(1, 1, 3);
    all.extend(run(2, 4, 3)).expect("they follow");
    for at in 1..=7 {
        let expected = names(&all);
        let head = names(&all.ending_before(at));
        let rest = names(&all.starting_at(at));
        assert_eq!([head.clone(), rest].concat(), expected, "at {at}");
        assert!(head.iter().all(|(_, index)| *index < at));
        let mut cut = all.clone();
        cut.truncate_from(at);
        assert_eq!(names(&cut), head);
    }
    let each = 4 + entries::ENTRY_OVERHEAD_BYTES;
    for (cost, count) in [(0, 1), (each, 1), (2 * each, 2), (4 * each + 1, 4), (u64::MAX, 6)] {
        assert_eq!(all.capped(cost).len(), count, "capped at {cost}");
    }
}

#[test]
fn how_entries_lie_together_does_not_count() {
    let mut apart = run(1, 1, 1);
    apart.extend(run(1, 2, 2)).expect("they follow");
    assert_eq!(apart, run(1, 1, 3));
    assert_ne!(apart, run(1, 1, 2));
    assert_eq!(format!("{apart:?}"), "[1@1, 2@1, 3@1]");
}

#[test]
fn a_summary_says_where_each_term_begins() {
    let mut entries = run(1, 1, 2);
    entries.extend(run(3, 3, 2)).expect("they follow");
    let mut summary = LogSummary::of(LogId::ZERO, &entries);
    let runs = |summary: &LogSummary| {
        summary.runs().iter().map(|run| (run.term, run.first)).collect::<Vec<_>>()
    };
    assert_eq!(runs(&summary), [(1, 1), (3, 3)]);
    let terms: Vec<_> = (0..6).map(|index| summary.term_at(index)).collect();
    assert_eq!(terms, [Some(0), Some(1), Some(1), Some(3), Some(3), None]);
    assert!(summary.holds(LogId::new(3, 4)) && !summary.holds(LogId::new(1, 4)));
    let parts = |summary: &LogSummary| {
        let runs = summary.runs().to_vec();
        LogSummary::from_parts(summary.base(), summary.last(), runs, [])
    };
    assert_eq!(parts(&summary).as_ref(), Some(&summary));
    summary.truncate_from(4);
    assert_eq!((summary.last(), runs(&summary)), (LogId::new(3, 3), vec![(1, 1), (3, 3)]));
    summary.truncate_from(9);
    summary.discard_through(LogId::new(1, 1));
    assert_eq!((summary.base(), runs(&summary)), (LogId::new(1, 1), vec![(1, 2), (3, 3)]));
    summary.discard_through(LogId::new(1, 2));
    assert_eq!(runs(&summary), [(3, 3)]);
    summary.truncate_from(0);
    assert_eq!((summary.base(), summary.last()), (LogId::new(1, 2), LogId::new(1, 2)));
    summary.discard_through(LogId::new(4, 9));
    assert_eq!(summary, LogSummary::new(LogId::new(4, 9)));
}

#[test]
fn parts_that_contradict_one_another_make_no_summary() {
    let run = |term, first| TermRun { term, first };
    let make = |base, last, runs: &[TermRun]| LogSummary::from_parts(base, last, runs.to_vec(), []);
    let (base, last) = (LogId::new(1, 2), LogId::new(3, 6));
    assert!(make(base, last, &[run(2, 3), run(3, 5)]).is_some());
    let wrong: [&[TermRun]; 8] = [
        &[],
        &[run(2, 4), run(3, 5)],
        &[run(3, 3), run(2, 5)],
        &[run(2, 3), run(3, 7)],
        &[run(0, 3), run(3, 5)],
        &[run(2, 3)],
        &[run(2, 3), run(3, 3)],
        &[run(2, 3), run(2, 4), run(3, 5)],
    ];
    for runs in wrong {
        assert_eq!(make(base, last, runs), None, "{runs:?}");
    }
    assert_eq!(make(last, base, &[]), None);
    let members = std::sync::Arc::new(Configuration::new([NodeId::of(1)]));
    let with = |index| LogSummary::from_parts(base, last, [run(3, 3)], [(index, members.clone())]);
    assert!(with(3).is_some() && with(6).is_some());
    assert!(with(2).is_none() && with(7).is_none());
}

#[test]
fn a_configuration_is_sorted_and_says_who_votes() {
    let id = NodeId::of;
    let learner = |node| Learner { id: id(node), promotion: Promotion::OnDemand };
    let made = Configuration::of([id(3), id(1), id(3)], [id(2)], [learner(5), learner(2)], 1);
    let made = made.expect("sound parts");
    assert_eq!((made.voters(), made.outgoing()), (&[id(1), id(3)][..], &[id(2)][..]));
    assert_eq!(made.members(), [1, 2, 3, 5].map(id));
    assert_eq!(made.seat(id(2)), Seat { incoming: false, outgoing: true });
    assert!(made.is_joint() && made.is_voter(id(2)) && !made.is_voter(id(5)));
    assert!(made.is_member(id(5)) && !made.is_member(id(4)));
    assert_eq!((made.protocol(), made.learner(id(5))), (1, Some(learner(5))));
    let none = Configuration::of([], [], [learner(1)], 1);
    assert_eq!(none, Err(ConfigurationError::NoVoter));
    let twice = Configuration::of([id(1)], [], [learner(1)], 1);
    assert_eq!(twice, Err(ConfigurationError::Twice { node: id(1) }));
    let many = |count: u64| Configuration::of((1..=count).map(id), [], [], 1);
    assert!(many(255).is_ok());
    assert_eq!(many(256), Err(ConfigurationError::TooMany));
    let learners = (2..=257).map(learner);
    assert_eq!(Configuration::of([id(1)], [], learners, 1), Err(ConfigurationError::TooMany));
}

fn hash(item: &impl Hash) -> u64 {
    let mut state = DefaultHasher::new();
    item.hash(&mut state);
    state.finish()
}

#[test]
fn equal_entries_are_hashed_alike_however_they_lie_and_others_are_not() {
    let whole = run(3, 5, 3);
    let mut pieces = run(3, 5, 1);
    pieces.extend(run(3, 6, 2)).expect("they follow");
    assert_eq!((&whole, hash(&whole)), (&pieces, hash(&pieces)));
    for other in [run(3, 5, 2), run(4, 5, 3), run(3, 6, 3), Entries::new()] {
        assert_ne!(hash(&whole), hash(&other), "{other:?}");
    }
    let list: Commands = commands(["a", "b"]);
    assert_eq!(hash(&list), hash(&list.iter().cloned().collect::<Commands>()));
    let other = commands(["a", "c"]);
    assert_ne!(hash(&list), hash(&other));
    assert!(list != other && list == commands(["a", "b"]));
    assert_eq!((list.len(), list.cost()), (2, 2 * (1 + entries::ENTRY_OVERHEAD_BYTES)));
}

#[test]
fn they_are_told_by_their_names() {
    let mut entries = run(3, 5, 2);
    entries.extend(run(4, 7, 1)).expect("they follow");
    assert_eq!(format!("{entries:?}"), "[5@3, 6@3, 7@4]");
    assert_eq!(format!("{:?} {}", NodeId::of(7), NodeId::of(7)), "n7 7");
    assert_eq!(format!("{:?}", commands(["a"])), r#"[Command(b"a")]"#);
    let runs: Vec<(LogId, usize)> =
        entries.runs().map(|(first, payloads)| (first, payloads.len())).collect();
    assert_eq!(runs, [(LogId::new(3, 5), 2), (LogId::new(4, 7), 1)]);
}
