//! Many seeds on several threads; each run lives on one. Knows nothing of what a run is.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

/// Runs each of `seeds`, `jobs` at a time. They are begun in their order, and `take` is given what comes
/// of them as they end, on this thread; once it says `false` no more are begun, and those under way
/// still end and are taken. So all seeds below the first one that it refused were run, whatever `jobs` is.
///
/// # Panics
/// Where a run panics.
pub fn each<T: Send>(
    jobs: u64,
    mut seeds: impl Iterator<Item = u64> + Send,
    run: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(u64, T) -> bool,
) {
    if jobs <= 1 {
        let _ = seeds.all(|seed| take(seed, run(seed)));
        return;
    }
    let (seeds, goes_on) = (Mutex::new(seeds), AtomicBool::new(true));
    let next = || {
        let mut seeds = seeds.lock().unwrap_or_else(PoisonError::into_inner);
        if goes_on.load(Ordering::Relaxed) { seeds.next() } else { None }
    };
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for _ in 0..jobs {
            let (send, next, run) = (send.clone(), &next, &run);
            scope.spawn(move || {
                while let Some(seed) = next() {
                    if send.send((seed, run(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        for (seed, found) in receive {
            if !take(seed, found) {
                goes_on.store(false, Ordering::Relaxed);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_run_once_whatever_the_number_of_jobs() {
        for jobs in [1, 2, 5] {
            let mut taken = Vec::new();
            each(
                jobs,
                3..40,
                |seed| seed * 2,
                |seed, found| {
                    taken.push((seed, found));
                    true
                },
            );
            taken.sort_unstable();
            assert_eq!(taken, (3..40).map(|seed| (seed, seed * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn all_seeds_below_the_first_that_is_refused_are_run() {
        for jobs in [1, 3] {
            let mut taken = Vec::new();
            each(
                jobs,
                0..1_000_000,
                |seed| seed % 10 == 7,
                |seed, is_bad| {
                    taken.push(seed);
                    !is_bad
                },
            );
            assert!((0..=7).all(|seed| taken.contains(&seed)), "{taken:?}");
            assert!(jobs > 1 || taken.len() == 8);
        }
    }
}
