//! Leaving out parts of a list: large parts first, then smaller ones (delta debugging).

use std::ops::Range;

/// The parts of a list of `len` to leave out one after the other: `chunk` long each.
pub(super) fn parts(len: usize, chunk: usize) -> Vec<Range<usize>> {
    (0..len).step_by(chunk.max(1)).map(|start| start..(start + chunk).min(len)).collect()
}

/// Leaves out what is not needed. `first` tries to leave out each of these ranges and does it with
/// the first one that may go, which it tells.
pub(super) fn reduce(
    len: impl Fn() -> usize,
    mut first: impl FnMut(&[Range<usize>]) -> Option<usize>,
    smallest: usize,
) -> bool {
    let mut is_less = false;
    let mut chunk = len();
    while chunk >= smallest.max(1) {
        let mut done = 0;
        loop {
            let all: Vec<Range<usize>> =
                parts(len(), chunk).into_iter().filter(|part| part.start >= done).collect();
            let Some(found) = first(&all) else { break };
            is_less = true;
            // What stood behind it has moved to its place.
            done = all[found].start;
        }
        chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
    }
    is_less
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What is left of 0..n where all of `needed` must stay, and how many tries that took.
    fn left(n: u32, needed: &[u32]) -> (Vec<u32>, usize) {
        let list = RefCell::new((0..n).collect::<Vec<u32>>());
        let mut tries = 0;
        reduce(
            || list.borrow().len(),
            |ranges| {
                for (place, range) in ranges.iter().enumerate() {
                    tries += 1;
                    let mut rest = list.borrow().clone();
                    rest.drain(range.clone());
                    if needed.iter().all(|one| rest.contains(one)) {
                        *list.borrow_mut() = rest;
                        return Some(place);
                    }
                }
                None
            },
            1,
        );
        (list.into_inner(), tries)
    }

    #[test]
    fn only_what_is_needed_is_left() {
        for needed in [&[][..], &[0], &[999], &[3, 500, 501, 998]] {
            let (found, tries) = left(1_000, needed);
            assert_eq!(found, needed);
            assert!(tries < 200, "{tries}");
        }
        assert!(left(0, &[]).0.is_empty());
    }
}
