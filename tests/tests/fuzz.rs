//! The fuzz targets' bodies, for a while: random bytes, and bytes that lie close to what is valid.

use std::{fs, path::PathBuf};

use quorate_core::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Consistency, Entries, HardState, LogId,
    Message, NodeId, ReadAnswer, ReadOutcome, ReadRequest, Seq, Token, VoteAnswer, VoteRequest,
    Write, commands,
};
use quorate_sim::marks::{Mark, Marks};
use quorate_tests::{
    fuzz::{decode, replay, step, world},
    planted::repository,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

fn bytes(rng: &mut ChaCha8Rng, longest: u32) -> Vec<u8> {
    let mut bytes = vec![0; (rng.next_u32() % longest) as usize];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[test]
fn any_events_break_no_rule() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut counts = [0; 11];
    for _ in 0..20_000 {
        let reached = step(&bytes(&mut rng, 2_000));
        let all = [
            reached.committed_as_leader,
            reached.truncated,
            reached.read,
            reached.voted,
            reached.diverged,
            reached.refused,
            reached.read_back,
            reached.snapshot,
            reached.installed,
            reached.changed,
            reached.transferring,
        ];
        counts.iter_mut().zip(all).for_each(|(count, reached)| *count += u32::from(reached));
    }
    assert!(counts.iter().all(|count| *count >= 20), "a part is hardly reached: {counts:?}");
}

#[test]
fn a_world_passes_whatever_bytes_it_draws_from() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut marks = Marks::default();
    for _ in 0..60 {
        // The first thousand draws, eight bytes each; bytes that are mostly benign, too.
        let mut data = bytes(&mut rng, 8_000);
        if rng.next_u32() % 2 == 0 {
            data.iter_mut().skip(1).filter(|byte| **byte % 4 != 0).for_each(|byte| *byte = 0);
        }
        if let Some(reached) = world(&data) {
            marks.merge(&reached);
        }
    }
    assert!(
        world(&[]).is_none() && world(&[0]).is_some(),
        "no byte but the profile: the benign run"
    );
    let expected = [
        Mark::GroupCommit,
        Mark::CrashedWhileWriting,
        Mark::PartitionBlocked,
        Mark::LeaderDeposed,
        Mark::FaultOnEvent,
    ];
    let missing: Vec<Mark> = expected.into_iter().filter(|mark| marks.count(*mark) == 0).collect();
    assert!(missing.is_empty(), "hardly a world: {missing:?} was never reached");
}

#[test]
fn random_bytes_break_no_decoder() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..300_000 {
        decode(&bytes(&mut rng, 100));
    }
}

#[test]
fn bytes_close_to_valid_ones_break_no_decoder() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let valid = valid_encodings();
    for round in 0..300_000 {
        let mut data = valid[round % valid.len()].clone();
        for _ in 0..=rng.next_u32() % 3 {
            let place = rng.next_u32() as usize % data.len();
            match rng.next_u32() % 4 {
                0 => data[place] ^= 1 << (rng.next_u32() % 8),
                1 => data[place] = rng.next_u32() as u8,
                2 => data.truncate(place.max(1)),
                _ => data.insert(place, 0),
            }
        }
        decode(&data);
    }
}

fn valid_encodings() -> Vec<Vec<u8>> {
    let mut entries = Entries::new();
    entries.append(LogId::new(2, 5), commands(["a", "bc", ""])).expect("in order");
    entries.append(LogId::new(3, 8), commands(["d"])).expect("in order");
    let vote = VoteRequest {
        last: LogId::new(2, 9),
        campaign: Token { incarnation: 1, number: 4 },
        transfer: true,
    };
    let append = AppendRequest {
        prev: LogId::new(2, 4),
        commit: 4,
        round: 9,
        promise: 1_000_000,
        quiesce: false,
        entries: entries.clone(),
    };
    let token = Token { incarnation: 2, number: 8 };
    let conflict = AppendOutcome::Conflict { rejected: 9, hint: LogId::new(2, 7) };
    let answer = |outcome| Body::AppendAnswer(AppendAnswer { round: 9, priority: 100, outcome });
    let ready = ReadOutcome::Ready { index: 9 };
    let bodies = [
        Body::VoteRequest(vote),
        Body::AppendRequest(append),
        Body::PreVoteRequest(VoteRequest { transfer: false, ..vote }),
        Body::VoteAnswer(VoteAnswer { granted: true, campaign: token }),
        answer(AppendOutcome::Matched { index: 8 }),
        answer(conflict),
        answer(AppendOutcome::SnapshotWanted { beyond: 8 }),
        Body::TimeoutNow,
        Body::ReadRequest(ReadRequest { token, consistency: Consistency::Lease }),
        Body::ReadAnswer(ReadAnswer { token, outcome: ready }),
    ];
    let mut all: Vec<Vec<u8>> = bodies
        .into_iter()
        .map(|body| {
            let mut out = Vec::new();
            quorate_codec::encode_message(&Message { term: 3, body }, &mut out);
            out
        })
        .collect();
    let mut out = Vec::new();
    let write = Write {
        seq: Seq { incarnation: 1, number: 2 },
        hard_state: HardState { term: 3, voted_for: Some(NodeId::of(2)), promise: 7 },
        truncate_from: 5,
        entries,
        snapshot: None,
        discard_through: 0,
    };
    quorate_codec::encode_write(&write, &mut out);
    all.push(out);
    all
}

#[test]
fn any_trace_does_no_harm_and_a_recorded_one_is_answered_the_same() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..3_000 {
        replay(&bytes(&mut rng, 1_000));
    }
    // Close to a real one.
    let real = std::fs::read(
        quorate_tests::planted::repository().join("tests/traces/group-of-three.trace"),
    )
    .expect("it is committed");
    for _ in 0..1_000 {
        let mut data = real.clone();
        let (place, byte) = (rng.next_u32() as usize % data.len(), rng.next_u32() as u8);
        data[place] = byte;
        data.truncate(place + 1 + rng.next_u32() as usize % 2_000);
        let _ = quorate_driver::replay(&data[..]);
    }
}

/// What the fuzzers begin with: valid encodings for `decode`, a recorded life for `replay`, and events
/// that reach every part for `step`.
fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let seed = |target: &str, number: usize| PathBuf::from(format!("{target}/{number:02}"));
    let encodings = valid_encodings().into_iter().zip(0..);
    let mut all: Vec<_> =
        encodings.map(|(bytes, number)| (seed("decode", number), bytes)).collect();
    let trace = repository().join("tests/traces/group-of-three.trace");
    all.push((seed("replay", 0), fs::read(trace).expect("a trace is committed")));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut number = 0;
    while number < 8 {
        let events = bytes(&mut rng, 2_000);
        let reached = step(&events);
        if reached.installed || reached.changed || reached.transferring {
            all.push((seed("step", number), events));
            number += 1;
        }
    }
    all
}

#[test]
fn the_shipped_seeds_are_what_the_encoders_write() {
    let folder = repository().join("fuzz/seeds");
    let writes = std::env::var_os("QUORATE_BLESS").is_some();
    for (name, bytes) in seeds() {
        let path = folder.join(&name);
        if writes {
            fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder can be made");
            fs::write(&path, &bytes).expect("a seed can be written");
        }
        let found = fs::read(&path).expect("a seed is shipped: QUORATE_BLESS=1 writes it");
        assert!(found == bytes, "{name:?} is outdated: QUORATE_BLESS=1 writes it anew");
    }
}
