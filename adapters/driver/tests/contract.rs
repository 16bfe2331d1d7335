//! The checker lets right hosts pass, and catches wrong ones.

mod host;

use host::*;
use quorate_core::{Event, Input, LogId, Persisted, Seq, Timestamp};
use quorate_driver::{
    CheckedMachine, CheckedStore, ContractChecker, Driver, LogStore, MemoryStore,
};

/// Draws from a seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 29)) % end
    }
}

fn checked(store: &mut MemoryStore) -> (Driver<u64>, ContractChecker) {
    let persisted = store.open().found_or_bootstrap(founding(1));
    let checker = ContractChecker::new(&persisted, NOW).let_earlier_lives_pass();
    let driver = Driver::restore_checked(config(), persisted, NOW, &checker).expect("starts");
    (driver, checker)
}

#[test]
fn a_driver_whose_jobs_are_done_in_any_order_keeps_the_contract() {
    let mut commands = 0;
    for seed in 0..200 {
        let mut draw = Draw(seed);
        let mut disk = MemoryStore::new();
        let mut late = None;
        for _ in 0..3 {
            let (mut driver, checker) = checked(&mut disk);
            let mut store = CheckedStore::new(disk, &checker);
            let mut machine = CheckedMachine::new(Count::default(), &checker);
            let (mut write, mut reads, mut apply) = (None, Vec::new(), None);
            for request in 0..60 {
                match draw.below(8) {
                    0 => driver.propose(proposals(request..request + draw.below(4)), NOW),
                    1 => write = write.or_else(|| driver.next_write()),
                    2 => reads.extend(driver.next_log_read()),
                    3 => apply = apply.or_else(|| driver.next_apply()),
                    4 => {
                        if let Some(job) = write.take() {
                            driver.write_done(job.run(&mut store), NOW);
                        }
                    }
                    5 if !reads.is_empty() => {
                        let place = draw.below(reads.len() as u64) as usize;
                        driver.log_read_done(reads.remove(place).run(&mut store), NOW);
                    }
                    6 => {
                        if let Some(job) = apply.take() {
                            driver.apply_done(job.run(&mut store, &mut machine), NOW);
                        }
                    }
                    7 => {
                        let at_rest = apply.is_none();
                        if let Some(job) = at_rest.then(|| driver.take_snapshot(&machine)).flatten()
                        {
                            driver.snapshot_done(job.run(&mut store), NOW);
                        }
                    }
                    _ => {}
                }
                // What an earlier life was told of too late does no harm.
                if let Some(done) = late.take() {
                    driver.write_done(done, NOW);
                }
            }
            if let Some(job) = write {
                late = Some(job.run(&mut store));
            }
            commands += machine.inner.commands;
            disk = store.inner;
        }
    }
    assert!(commands > 1_000, "only {commands} commands were applied");
}

fn caught(breach: impl FnOnce(&ContractChecker, &mut MemoryStore)) -> String {
    let persisted = Persisted::Bootstrap { configuration: founding(1), incarnation: 1 };
    let checker = ContractChecker::new(&persisted, Timestamp(5));
    let mut driver: Driver<u64> =
        Driver::restore_checked(config(), persisted, Timestamp(5), &checker).expect("starts");
    let mut store = MemoryStore::new();
    let write = driver.next_write().expect("the founding entry");
    let mut checked = CheckedStore::new(store.clone(), &checker);
    driver.write_done(write.run(&mut checked), Timestamp(5));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        breach(&checker, &mut store);
    }));
    let panic = result.expect_err("it is not caught");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("a text")
}

#[test]
fn each_way_to_break_the_contract_is_caught() {
    let step = |checker: &ContractChecker, at, input| {
        checker.step(&Event { at: Timestamp(at), input }, &[]);
    };
    let seq = |incarnation, number| Seq { incarnation, number };
    let cases: [(&str, Input); 9] = [
        ("reported durable, but was not written", Input::Written { seq: seq(1, 2) }),
        ("was never asked for", Input::Written { seq: seq(1, 9) }),
        ("reported once more", Input::Written { seq: seq(1, 1) }),
        ("of another life", Input::Written { seq: seq(2, 1) }),
        ("is of another life", Input::Written { seq: seq(0, 1) }),
        ("is reported, but only 0 applied", Input::Applied { index: 1 }),
        (
            "is answered, but was not asked",
            Input::LogRead { token: seq(1, 9), found: quorate_core::LogFound::Missing },
        ),
        ("is not durable", Input::SnapshotTaken { index: 1 }),
        (
            "is not durable",
            Input::SnapshotReceived {
                term: 2,
                meta: std::sync::Arc::new(quorate_core::SnapshotMeta {
                    last: LogId::new(2, 3),
                    configuration: founding(1),
                }),
            },
        ),
    ];
    for (says, input) in cases {
        let text = caught(|checker, _| step(checker, 5, input.clone()));
        assert!(text.contains(says), "{input:?}: {text}");
    }
    let text = caught(|checker, _| step(checker, 4, Input::Tick));
    assert!(text.contains("time goes back"), "{text}");
    // Work out of order.
    let text = caught(|checker, store| {
        let mut writes = Vec::new();
        let persisted = store.open().found_or_bootstrap(founding(1));
        let mut other: Driver<u64> = Driver::restore(config(), persisted, NOW).expect("starts");
        writes.push(other.next_write().expect("a write"));
        let mut store = CheckedStore::new(store.clone(), checker);
        let _ = store.write(writes[0].writes());
    });
    assert!(text.contains("out of order, or comes twice"), "{text}");
    let text = caught(|checker, _| {
        use quorate_core::{EntryRef, Payload};
        use quorate_driver::StateMachine;
        let mut machine = CheckedMachine::new(Count::default(), checker);
        machine.apply_entry(EntryRef { log_id: LogId::new(1, 2), payload: &Payload::Noop });
    });
    assert!(text.contains("applied out of order"), "{text}");
}
