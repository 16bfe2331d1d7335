//! Messages that no sane peer would send, with any number in any field, in any state: nothing panics,
//! nothing overflows, every invariant holds, and the only halt is `Diverged`. The same with completions
//! that no sane host would report: they are told so, or counted.

mod group;

use std::sync::Arc;

use group::{Group, MS, id};
use proptest::prelude::*;
use quorate_core::*;

/// Numbers near what the node knows, and at every edge.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..12u64,
        1 => Just(1 << 40),
        1 => Just((1 << 40) + 3),
        1 => Just(TERM_LIMIT - 1),
        1 => Just(TERM_LIMIT),
        1 => Just(INDEX_LIMIT - 2),
        1 => Just(u64::MAX),
        1 => Just(u64::MAX - 1),
        1 => any::<u64>(),
    ]
}

fn log_id() -> impl Strategy<Value = LogId> {
    (number(), number()).prop_map(|(term, index)| LogId::new(term, index))
}

fn token() -> impl Strategy<Value = Token> {
    (number(), number()).prop_map(|(incarnation, number)| Token { incarnation, number })
}

fn configuration() -> impl Strategy<Value = Arc<Configuration>> {
    let nodes = || prop::collection::vec(1..7u64, 0..4);
    (nodes(), nodes(), nodes(), 0..3u16).prop_map(|(voters, outgoing, learners, protocol)| {
        let names = |list: Vec<u64>| list.into_iter().map(id).collect::<Vec<_>>();
        let promotion = Promotion::WhenCaughtUp { max_lag: 1 };
        let learners = names(learners).into_iter().map(|id| Learner { id, promotion });
        let made = Configuration::of(names(voters), names(outgoing), learners, protocol.max(1));
        Arc::new(made.unwrap_or_default())
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        4 => (0..40usize).prop_map(|size| Payload::Command(vec![7; size].into())),
        1 => Just(Payload::Noop),
        1 => configuration()
            .prop_filter("a newer protocol is another matter", |members| members.protocol() <= PROTOCOL)
            .prop_map(Payload::Configuration),
    ]
}

/// Runs that follow one another, for those are all that a decoder lets through.
fn entries() -> impl Strategy<Value = Entries> {
    let run = (0..3u64, prop::collection::vec(payload(), 1..4));
    (log_id(), prop::collection::vec(run, 0..4)).prop_map(|(first, runs)| {
        let mut entries = Entries::new();
        let mut next = first;
        for (later, payloads) in runs {
            next.term = next.term.saturating_add(later);
            let count = payloads.len() as u64;
            if entries.append(next, payloads.into()).is_err() {
                break;
            }
            next.index += count;
        }
        entries
    })
}

fn body() -> impl Strategy<Value = Body> {
    let vote = || {
        (log_id(), token(), any::<bool>()).prop_map(|(last, campaign, transfer)| VoteRequest {
            last,
            campaign,
            transfer,
        })
    };
    let answer = || {
        (any::<bool>(), token()).prop_map(|(granted, campaign)| VoteAnswer { granted, campaign })
    };
    let outcome = prop_oneof![
        number().prop_map(|index| AppendOutcome::Matched { index }),
        (number(), log_id())
            .prop_map(|(rejected, hint)| AppendOutcome::Conflict { rejected, hint }),
    ];
    let read = prop_oneof![
        number().prop_map(|index| ReadOutcome::Ready { index }),
        Just(ReadOutcome::NoQuorum),
        Just(ReadOutcome::Busy),
        (1..9u64).prop_map(|leader| ReadOutcome::NotLeader { leader: Some(id(leader)) }),
    ];
    let lease = any::<bool>()
        .prop_map(|lease| if lease { Consistency::Lease } else { Consistency::Linearizable });
    prop_oneof![
        1 => vote().prop_map(Body::PreVoteRequest),
        1 => vote().prop_map(Body::VoteRequest),
        1 => answer().prop_map(Body::PreVoteAnswer),
        1 => answer().prop_map(Body::VoteAnswer),
        4 => append().prop_map(Body::AppendRequest),
        3 => (number(), any::<u8>(), outcome).prop_map(|(round, priority, outcome)| {
            Body::AppendAnswer(AppendAnswer { round, priority, outcome })
        }),
        1 => Just(Body::TimeoutNow),
        1 => (token(), lease)
            .prop_map(|(token, consistency)| Body::ReadRequest(ReadRequest { token, consistency })),
        1 => (token(), read).prop_map(|(token, outcome)| Body::ReadAnswer(ReadAnswer { token, outcome })),
    ]
}

fn append() -> impl Strategy<Value = AppendRequest> {
    let fits = any::<bool>();
    (log_id(), number(), number(), number(), any::<bool>(), entries(), fits).prop_map(
        |(prev, commit, round, promise, quiesce, entries, fits)| {
            let before = |first: LogId| LogId::new(first.term, first.index.saturating_sub(1));
            let prev = entries.first().filter(|_| fits).map_or(prev, before);
            AppendRequest { prev, commit, round, promise, quiesce, entries }
        },
    )
}

/// What a host should never say.
fn nonsense() -> impl Strategy<Value = Input> {
    let found = prop_oneof![
        entries().prop_map(LogFound::Entries),
        Just(LogFound::Compacted),
        Just(LogFound::Missing),
    ];
    let meta = (log_id(), configuration())
        .prop_map(|(last, configuration)| Arc::new(SnapshotMeta { last, configuration }));
    prop_oneof![
        token().prop_map(|seq| Input::Written { seq }),
        number().prop_map(|index| Input::Applied { index }),
        number().prop_map(|index| Input::SnapshotTaken { index }),
        (token(), found).prop_map(|(token, found)| Input::LogRead { token, found }),
        (number(), meta).prop_map(|(term, meta)| Input::SnapshotReceived { term, meta }),
        (number(), number()).prop_map(|(entries, bytes)| Input::Retain { entries, bytes }),
        (1..9u64).prop_map(|peer| Input::PeerUnreachable { peer: id(peer) }),
        Just(Input::LeaseClosed),
        Just(Input::Quiesce),
        Just(Input::Wake),
        Just(Input::Tick),
    ]
}

/// A node in one of the states that a node can be in.
fn state(kind: u8) -> Group {
    let mut group = Group::with_config(3, |config| {
        config.cache_bytes = 40;
        config.retain_entries = 1;
        config.publish_lease = true;
        config.max_pending_reads = 2;
    });
    group.join(4);
    match kind {
        0 => {}
        1 => group.elect(2),
        2 => group.elect(1),
        3 => {
            group.isolate(1);
            group.now += 500 * MS;
            group.campaign(1);
        }
        4 => {
            group.elect(1);
            let changes = vec![MemberChange::AddVoter { node: id(4) }];
            group.step(1, Input::ChangeMembers { request: 1, changes, expected_term: None });
        }
        5 => {
            group.elect(1);
            (0..6).for_each(|_| drop(group.propose(1, "x")));
            group.pass(30);
            group.snapshot(1);
        }
        6 => {
            group.elect(1);
            group.hold_writes(1);
            group.propose(1, "x");
            group.step(1, Input::Transfer { request: 1, to: Some(id(2)) });
            group.read(1, 9);
        }
        _ => {
            group.elect(2);
            group.read(1, 9);
            (0..6).for_each(|_| drop(group.propose(2, "x")));
            group.pass(30);
            group.snapshot(1);
        }
    }
    group
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, ..ProptestConfig::default() })]

    #[test]
    fn no_message_breaks_anything(
        kind in 0..8u8,
        messages in prop::collection::vec((1..6u64, number(), body(), 0..90u64), 1..24),
    ) {
        let mut group = state(kind);
        for (from, term, body, ms) in messages {
            group.now += ms * MS / 10;
            let message = Message { term, body };
            // The harness looks at every invariant after each step.
            let actions = group.step(1, Input::Receive { from: id(from), message });
            for action in &actions {
                let halts_otherwise = matches!(action, Action::Halt(halt) if !matches!(halt, Halt::Diverged { .. }));
                prop_assert!(!halts_otherwise, "{action:?}");
                prop_assert!(!matches!(action, Action::Misuse(_)), "{action:?}");
            }
            // Nothing is believed but what a disk of its own could have held.
            group.step(1, Input::Tick);
        }
    }

    #[test]
    fn no_completion_breaks_anything(
        kind in 0..8u8,
        inputs in prop::collection::vec((nonsense(), 0..90u64), 1..24),
    ) {
        let mut group = state(kind);
        let at = |group: &Group| Timestamp(group.now + group::SKEW);
        for (input, ms) in inputs {
            group.now += ms * MS / 10;
            let event = Event { at: at(&group), input };
            group.member(1).raft.step(event);
            prop_assert_eq!(group.raft(1).check(), Ok(()));
        }
    }
}
