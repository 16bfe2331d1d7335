//! Many lives on a disk on which anything may go wrong at any moment, one after the other.

mod disk;

use disk::{
    Held, SMALL,
    faulty::{Draw, Fault, FaultyDisk},
    held, keep_snapshot, snapshot, twin, write,
};
use quorate_core::Write;
use quorate_driver::{LogStore, StoreError};
use quorate_wal::{FILL, Wal};

const SEEDS: u64 = 2_000;
const LIVES: u64 = 12;

/// What was written, as a caller knows it.
#[derive(Default)]
struct Known {
    /// Reported durable, or returned by an opening.
    acknowledged: Vec<Write>,
    /// Not reported: it may be there as a whole, or not at all.
    perhaps: Option<Vec<Write>>,
    incarnation: u64,
}

impl Known {
    /// What an opening returned is as sure from now on as what was acknowledged.
    fn settle(&mut self, incarnation: u64, found: Option<Held>, what: &str) {
        assert!(incarnation > self.incarnation, "{what}: the incarnation was not raised");
        self.incarnation = incarnation;
        let perhaps = self.perhaps.take().unwrap_or_default();
        if found == twin(&self.acknowledged) {
            return;
        }
        self.acknowledged.extend(perhaps);
        assert_eq!(found, twin(&self.acknowledged), "{what}");
    }

    /// One to three writes that may follow.
    fn next_batch(&self, draw: &mut Draw) -> Vec<Write> {
        let mut all = self.acknowledged.clone();
        let mut batch = Vec::new();
        for _ in 0..=draw.below(3) {
            let found = twin(&all);
            let discarded = all.iter().map(|write| write.discard_through).max().unwrap_or(0);
            // Terms never fall, also where the entries that had them are gone.
            let term = found.as_ref().map_or(1, |held| held.found.hard_state.term);
            let last = found.as_ref().and_then(|held| held.entries.last());
            let last = last.map_or(discarded, |last| last.index);
            // Now and then a new term replaces the end of the log.
            let (term, from) = match draw.percent(20) {
                true => (term + 1, (discarded + 1).max(last.saturating_sub(draw.below(3)))),
                false => (term, last + 1),
            };
            let lens: Vec<usize> = (0..draw.below(4)).map(|_| draw.below(1_500) as usize).collect();
            // Also bytes that look as if nothing had been written.
            let byte = if draw.percent(20) { FILL.into() } else { draw.below(256) };
            let mut next = write(byte, term, from, &lens);
            if draw.percent(10) && from > discarded + 1 {
                next.discard_through = discarded + 1 + draw.below(from - discarded - 1);
                next.snapshot = Some(snapshot(term, next.discard_through));
            }
            // And now and then a snapshot takes the place of the whole log.
            if draw.percent(5) {
                let index = last + 1 + draw.below(5);
                next = Write {
                    snapshot: Some(snapshot(term, index)),
                    discard_through: index,
                    ..write(byte, term, discarded + 1, &[])
                };
            }
            all.push(next.clone());
            batch.push(next);
        }
        batch
    }
}

/// One process, from its start to whatever ends it.
fn live(disk: &FaultyDisk, draw: &mut Draw, known: &mut Known, what: &str) {
    let arm = |draw: &mut Draw, within: u64| {
        let fault = if draw.percent(50) { Fault::Stop } else { Fault::Fail };
        disk.arm(draw.below(within), fault);
    };
    if draw.percent(30) {
        arm(draw, 14);
    }
    let mut wal = match Wal::open(disk.clone(), SMALL) {
        Ok((mut wal, recovered)) => {
            let held = held(&mut wal, &recovered);
            known.settle(recovered.incarnation, held, what);
            wal
        }
        Err(error) => {
            assert!(disk.went_wrong(), "{what}: {error}");
            return;
        }
    };
    if draw.percent(70) {
        arm(draw, 20);
    }
    for _ in 0..draw.below(10) {
        let batch = known.next_batch(draw);
        let kept = batch.iter().try_for_each(|write| keep_snapshot(&mut wal, write));
        if let Err(error) = kept {
            // No harm is done to the log: it goes on without the snapshot, if it can.
            assert!(disk.went_wrong(), "{what}: {error}");
            continue;
        }
        match wal.write(&batch) {
            Ok(()) => known.acknowledged.extend(batch),
            Err(error) => {
                assert!(disk.went_wrong(), "{what}: {error}");
                assert_eq!(wal.write(&batch), Err(StoreError::Failed), "{what}: it went on");
                known.perhaps = Some(batch);
                return;
            }
        }
    }
}

#[test]
fn through_any_sequence_of_faults_all_that_was_acknowledged_is_found_and_nothing_else() {
    let (mut settled, mut acknowledged) = (0, 0);
    for seed in 0..SEEDS {
        let (disk, mut draw) = (FaultyDisk::new(seed), Draw(!seed));
        let mut known = Known::default();
        for life in 0..LIVES {
            live(&disk, &mut draw, &mut known, &format!("seed {seed}, life {life}"));
            // One after the other, in any order: both also before anything is opened again.
            for _ in 0..=draw.below(2) {
                if draw.percent(50) { disk.kill() } else { disk.lose_power() }
            }
        }
        let (mut wal, recovered) = Wal::open(disk, SMALL).expect("no fault is armed");
        let held = held(&mut wal, &recovered);
        known.settle(recovered.incarnation, held, &format!("seed {seed}, at last"));
        settled += known.incarnation;
        acknowledged += known.acknowledged.len();
    }
    // Else the faults left nothing to test.
    assert!(settled > 8 * SEEDS && acknowledged as u64 > 20 * SEEDS, "{settled}, {acknowledged}");
}

#[test]
fn after_a_failed_sync_what_the_cache_still_holds_is_written_anew_before_it_is_returned() {
    for seed in 0..50 {
        let disk = FaultyDisk::new(seed);
        let (mut wal, _) = Wal::open(disk.clone(), SMALL).expect("opens");
        let (first, second) = (write(1, 1, 1, &[300]), write(2, 1, 2, &[900]));
        wal.write(std::slice::from_ref(&first)).expect("writes");
        // The write passes, its sync fails, and the next one would have nothing to do.
        disk.arm(1, Fault::Fail);
        assert!(matches!(wal.write(std::slice::from_ref(&second)), Err(StoreError::Io(_))));
        assert_eq!(wal.write(std::slice::from_ref(&second)), Err(StoreError::Failed));
        drop(wal);
        let (mut wal, before) = Wal::open(disk.clone(), SMALL).expect("opens");
        assert_eq!(held(&mut wal, &before), twin([&first, &second]), "the cache holds both");
        drop(wal);
        disk.lose_power();
        let (_, after) = Wal::open(disk, SMALL).expect("opens");
        assert_eq!(after.found, before.found, "seed {seed}");
    }
}
