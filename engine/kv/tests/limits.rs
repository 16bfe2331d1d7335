//! What is wrong with a request is said, and changes nothing.

mod common;

use bytes::Bytes;
use common::{Machine, command};
use proptest::prelude::*;
use quorate_driver::StateMachine;
use quorate_kv::{
    Command, Compare, CompareOp, CompareTarget, Deadlines, DeleteRequest, EXPIRE_LIMIT,
    KEY_LIMIT_BYTES, KeyRange, KvError, LEASE_TTL_MAX_MS, LEASE_TTL_MIN_MS, LeaseId, Operation,
    Outcome, PutLease, PutRequest, PutValue, RangeRequest, RequestError, SESSION_LIMIT_ANSWERS,
    TXN_LIMIT_DEPTH, TXN_LIMIT_OPERATIONS, Txn, VALUE_LIMIT_BYTES,
};

fn bytes(len: u32) -> Bytes {
    vec![b'x'; len as usize].into()
}

fn txn(success: Vec<Operation>) -> Command {
    Command::Txn(Txn { success, ..Txn::default() })
}

fn put(key: &'static str) -> Operation {
    Operation::Put(PutRequest::new(key, "v"))
}

fn delete(range: KeyRange) -> Operation {
    Operation::Delete(DeleteRequest { range, previous: false })
}

#[test]
fn each_limit_has_an_error_that_names_it() {
    let long = KEY_LIMIT_BYTES + 1;
    let wide = VALUE_LIMIT_BYTES + 1;
    let many = TXN_LIMIT_OPERATIONS + 1;
    let grant = |lease, ttl_ms| Command::LeaseGrant { lease: LeaseId(lease), ttl_ms };
    let deep = (0..TXN_LIMIT_DEPTH).fold(put("a"), |inner, _| Operation::Txn(Txn::of(inner)));
    let large: Vec<Operation> = (0..4_u8)
        .map(|n| Operation::Put(PutRequest::new(vec![n], bytes(VALUE_LIMIT_BYTES))))
        .collect();
    let condition = Compare {
        range: KeyRange::key(""),
        op: CompareOp::Equal,
        target: CompareTarget::Version(0),
    };
    let table = [
        (Command::put("", "v"), "the key is empty"),
        (Command::put(bytes(long), "v"), "the key takes 65537 bytes, over the limit of 65536"),
        (Command::put("k", bytes(wide)), "the value takes 524289 bytes, over the limit of 524288"),
        (Command::delete(""), "the key is empty"),
        (txn(vec![delete(KeyRange::From(bytes(long)))]), "the key takes 65537 bytes"),
        (txn(vec![Operation::Range(RangeRequest::new(KeyRange::key("")))]), "the key is empty"),
        (Command::Txn(Txn { compare: vec![condition], ..Txn::default() }), "the key is empty"),
        (txn(vec![delete(KeyRange::ALL); many as usize]), "over the limit of 128"),
        (txn(vec![deep]), "nested deeper than 8"),
        (txn(large), "the request takes 2097"),
        (grant(0, 1_000), "0 names no lease"),
        (grant(1, LEASE_TTL_MIN_MS - 1), "a lease of 99 ms: a time to live is 100 to"),
        (grant(1, LEASE_TTL_MAX_MS + 1), "a time to live is 100 to 9000000000000 ms"),
        (
            Command::LeaseExpire {
                term: 1,
                applied: 1,
                leases: vec![LeaseId(1); EXPIRE_LIMIT as usize + 1],
            },
            "1025 leases at once, over the limit of 1024",
        ),
        (Command::SessionOpen { session: LeaseId(0), ttl_ms: 1_000 }, "0 names no lease"),
    ];
    for (command, said) in table {
        let error = command.encode().expect_err(said).to_string();
        assert!(error.contains(said), "{error} lacks {said}");
    }
}

#[test]
fn a_transaction_may_change_a_key_once_a_branch() {
    let twice = Err(RequestError::DuplicateKey);
    let inner = |success, failure| Operation::Txn(Txn { compare: Vec::new(), success, failure });
    let range = KeyRange::Between("a".into(), "c".into());
    let table = [
        (vec![put("a"), put("b")], Ok(())),
        (vec![put("a"), put("a")], twice),
        (vec![put("b"), delete(range.clone())], twice),
        (vec![delete(range.clone()), put("b")], twice),
        (vec![delete(range.clone()), put("c")], Ok(())),
        (vec![delete(range.clone()), delete(range.clone())], Ok(())),
        (vec![inner(vec![put("a")], vec![put("a")])], Ok(())),
        (vec![inner(vec![put("a")], vec![]), put("a")], twice),
        (vec![inner(vec![], vec![put("a")]), inner(vec![delete(range)], vec![])], twice),
    ];
    for (operations, expected) in table {
        assert_eq!(txn(operations.clone()).validate(), expected, "{operations:?}");
    }
    let both = Txn { compare: Vec::new(), success: vec![put("a")], failure: vec![put("a")] };
    assert_eq!(both.validate(), Ok(()), "only one of both is done");
}

#[test]
fn a_transaction_that_fails_changes_nothing() {
    let mut machine = Machine::default();
    let with_lease = PutRequest { lease: PutLease::Lease(LeaseId(9)), ..PutRequest::new("b", "v") };
    let keeps = PutRequest { value: PutValue::Keep, ..PutRequest::new("b", "") };
    for (put_b, expected) in
        [(with_lease, KvError::LeaseNotFound { lease: LeaseId(9) }), (keeps, KvError::KeyNotFound)]
    {
        let before = machine.kv.revision();
        let done = machine.run(&txn(vec![put("a"), Operation::Put(put_b)]));
        assert_eq!(done, Err(expected));
        assert_eq!((machine.kv.len(), machine.kv.revision()), (0, before));
    }
    let reads = RangeRequest { revision: 9, ..RangeRequest::new(KeyRange::ALL) };
    let done = machine.run(&txn(vec![put("a"), Operation::Range(reads)]));
    assert_eq!(done, Err(KvError::FutureRevision { asked: 9, current: 1 }));
    assert_eq!(machine.kv.len(), 0);
}

#[test]
fn a_full_state_takes_no_puts_until_there_is_space_again() {
    let mut machine = Machine::default();
    machine.run(&Command::SetQuota { bytes: 2_900 }).unwrap();
    let mut puts = 0;
    let refused = loop {
        match machine.run(&Command::put("key", vec![puts; 500])) {
            Ok(_) => puts += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, KvError::NoSpace { used: machine.kv.used(), quota: 2_900 });
    assert_eq!(puts, 4, "every value since the last compaction counts");
    assert!(machine.kv.is_out_of_space());
    assert!(matches!(machine.run(&Command::put("s", "")), Err(KvError::NoSpace { .. })));
    assert!(machine.reborn().kv.is_out_of_space());
    // Deletes and compactions still fit.
    machine.run(&Command::delete("key")).unwrap();
    let revision = machine.kv.revision();
    machine.run(&Command::Compact { revision }).unwrap();
    assert!(matches!(machine.run(&Command::put("s", "")), Ok(Outcome::Txn(_))));
    assert!(!machine.kv.is_out_of_space());
}

#[test]
fn a_session_holds_so_many_answers_and_no_more() {
    let mut machine = Machine::default();
    let session = LeaseId(7);
    machine.run(&Command::SessionOpen { session, ttl_ms: 1_000 }).unwrap();
    let ask = |sequence, acknowledged| {
        let txn = Txn::of(put("a"));
        Command::InSession { session, sequence, acknowledged, txn }
    };
    for sequence in 1..=u64::from(SESSION_LIMIT_ANSWERS) {
        machine.run(&ask(sequence, 0)).unwrap();
    }
    let next = u64::from(SESSION_LIMIT_ANSWERS) + 1;
    assert_eq!(machine.run(&ask(next, 0)), Err(KvError::TooManyAnswers { count: next - 1 }));
    machine.run(&ask(next, 1)).unwrap();
    assert_eq!(machine.run(&ask(1, 1)), Err(KvError::AnswerGone { sequence: 1 }));
    // When its lease ends, so does it.
    machine.run(&Command::LeaseExpire { term: 1, applied: 1, leases: vec![session] }).unwrap();
    assert_eq!(machine.run(&ask(next + 1, 1)), Err(KvError::SessionNotFound { session }));
}

#[test]
fn a_lease_ends_by_the_leaders_clock_and_a_new_leader_gives_it_its_full_time() {
    const MS: u64 = 1_000_000;
    let mut machine = Machine::default();
    for (lease, ttl_ms) in [(1, 500), (2, 300)] {
        machine.run(&Command::LeaseGrant { lease: LeaseId(lease), ttl_ms }).unwrap();
    }
    let mut deadlines = Deadlines::begin(&machine.kv, 1_000 * MS);
    assert_eq!(deadlines.next(), Some(1_300 * MS));
    assert_eq!(deadlines.due(1_299 * MS, 9), []);
    assert_eq!(deadlines.keep_alive(LeaseId(2), 1_299 * MS), Some(300));
    assert_eq!(deadlines.due(1_500 * MS, 9), [LeaseId(1)]);
    assert_eq!(deadlines.due(1_600 * MS, 9), [LeaseId(1), LeaseId(2)]);
    assert_eq!(deadlines.due(1_600 * MS, 1), [LeaseId(1)]);
    assert_eq!(deadlines.keep_alive(LeaseId(1), 1_500 * MS), None, "nothing brings it back");
    assert_eq!(deadlines.left_ms(LeaseId(2), 1_400 * MS), Some(199));
    deadlines.end(LeaseId(1));
    assert_eq!(deadlines.due(1_600 * MS, 9), [LeaseId(2)]);
    let anew = Deadlines::begin(&machine.kv, 1_600 * MS);
    assert_eq!(anew.next(), Some(1_900 * MS));
}

proptest! {
    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut machine = Machine::default();
        machine.run(&Command::put("a", "1")).unwrap();
        machine.apply_bytes(bytes.clone().into());
        let mut versioned = vec![2];
        versioned.extend(&bytes);
        machine.apply_bytes(versioned.clone().into());
        let before = machine.kv.clone();
        let install = machine.kv.install(versioned.into());
        prop_assert!(install.is_ok() || machine.kv == before);
    }

    #[test]
    fn a_damaged_command_or_snapshot_is_refused_or_taken_and_never_a_panic(
        commands in proptest::collection::vec(command(), 1..20),
        at in any::<usize>(),
        bit in 0..8,
    ) {
        let mut machine = Machine::default();
        let flip = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            Bytes::from(bytes)
        };
        for command in &commands {
            machine.apply_bytes(flip(&command.encode().unwrap()));
            machine.apply(command);
        }
        let damaged = flip(&machine.kv.snapshot()());
        let before = machine.kv.clone();
        if machine.kv.install(damaged).is_ok() {
            // What was taken is a state like any other.
            let again = machine.reborn();
            prop_assert_eq!(&again.kv, &machine.kv);
        } else {
            prop_assert_eq!(&machine.kv, &before);
        }
    }
}
