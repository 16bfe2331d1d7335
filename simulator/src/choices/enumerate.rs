//! All the ways through the first draws of a run, one after the other.

use super::{Choices, Source};

/// How much of what could be drawn is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// So many draws of a run are tried; those behind them are benign.
    pub draws: usize,
    /// So many numbers are tried for each: 0, the largest, and others evenly between them. At least
    /// 1; all numbers, where the bound is not above it.
    pub values: u64,
}

/// One way: which of its numbers each of the first draws takes.
#[derive(Clone, Debug)]
pub(super) struct Path {
    widths: Widths,
    /// The number taken and how many there are, in the order of the draws.
    taken: Vec<(u64, u64)>,
    next: usize,
}

impl Path {
    pub(super) fn next(&mut self, bound: u64) -> u64 {
        let place = self.next;
        if place >= self.widths.draws {
            return 0;
        }
        self.next += 1;
        let count = bound.min(self.widths.values).max(1);
        if place == self.taken.len() {
            self.taken.push((0, count));
        }
        let (taken, of) = &mut self.taken[place];
        // A run that draws something else in spite of equal draws before: it goes on all the same.
        *of = count;
        spread(*taken, count, bound)
    }

    /// The next way in order, as an odometer counts: the last draw that has another number takes it.
    fn advance(mut self) -> Option<Path> {
        // What this run did not come to is not decided yet.
        self.taken.truncate(self.next);
        self.next = 0;
        while let Some((taken, count)) = self.taken.last_mut() {
            *taken += 1;
            if *taken < *count {
                return Some(self);
            }
            self.taken.pop();
        }
        None
    }
}

/// The `number`th of `count` numbers below `bound`: 0, the largest, and those evenly between.
fn spread(number: u64, count: u64, bound: u64) -> u64 {
    if count <= 1 {
        return 0;
    }
    let last = u128::from(bound.saturating_sub(1));
    (last * u128::from(number.min(count - 1)) / u128::from(count - 1)) as u64
}

/// Goes through all the ways: the benign one first, the last draws change the quickest.
///
/// ```
/// use quorate_sim::choices::{Choices, Enumerator, Stream, Widths};
///
/// let mut ways = Enumerator::new(Widths { draws: 2, values: 10 });
/// let mut seen = Vec::new();
/// while let Some(mut choices) = ways.begin() {
///     // The second draw depends on the first one.
///     let first = choices.draw(Stream::Ties, 2);
///     let second = if first == 1 { choices.draw(Stream::Plan, 3) } else { 0 };
///     seen.push((first, second));
///     ways.end(choices);
/// }
/// assert_eq!(seen, [(0, 0), (1, 0), (1, 1), (1, 2)]);
/// ```
#[derive(Clone, Debug)]
pub struct Enumerator {
    next: Option<Path>,
}

impl Enumerator {
    /// Before the first way.
    pub fn new(widths: Widths) -> Enumerator {
        Enumerator { next: Some(Path { widths, taken: Vec::new(), next: 0 }) }
    }

    /// The source for the next run; none once all ways were gone.
    pub fn begin(&mut self) -> Option<Choices> {
        self.next.take().map(|path| Choices::of(Source::Path(path)))
    }

    /// Takes the source back after its run, which says how many numbers there were.
    pub fn end(&mut self, choices: Choices) {
        if let Source::Path(path) = choices.source {
            self.next = path.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::Stream;

    fn all<const N: usize>(widths: Widths, bounds: [u64; N]) -> Vec<[u64; N]> {
        let (mut ways, mut seen) = (Enumerator::new(widths), Vec::new());
        while let Some(mut choices) = ways.begin() {
            seen.push(choices.keyed(Stream::Link(0, 1), 7, bounds));
            ways.end(choices);
        }
        seen
    }

    #[test]
    fn each_way_is_gone_once() {
        let seen = all(Widths { draws: 3, values: 5 }, [2, 3, 4]);
        let mut each = seen.clone();
        each.sort_unstable();
        each.dedup();
        assert_eq!((seen.len(), each.len()), (24, 24));
        assert_eq!(seen[0], [0, 0, 0]);
        assert_eq!(seen[1], [0, 0, 1], "the last draw changes the quickest");
    }

    #[test]
    fn large_bounds_are_tried_at_their_ends_and_between() {
        let seen = all(Widths { draws: 1, values: 3 }, [1_000_001]);
        assert_eq!(seen, [[0], [500_000], [1_000_000]]);
        assert_eq!(all(Widths { draws: 1, values: 1 }, [9]), [[0]], "one value is the benign one");
        let whole = all(Widths { draws: 1, values: 2 }, [u64::MAX]);
        assert_eq!(whole, [[0], [u64::MAX - 1]]);
    }

    #[test]
    fn what_lies_behind_the_tried_draws_is_benign() {
        let seen = all(Widths { draws: 1, values: 9 }, [2, 9]);
        assert_eq!(seen, [[0, 0], [1, 0]]);
    }

    #[test]
    fn a_silent_stream_is_no_draw() {
        let mut ways = Enumerator::new(Widths { draws: 4, values: 2 });
        let mut count = 0;
        while let Some(mut choices) = ways.begin() {
            choices.silence(Stream::Ties);
            assert_eq!(choices.draw(Stream::Ties, 2), 0);
            choices.draw(Stream::Plan, 2);
            ways.end(choices);
            count += 1;
        }
        assert_eq!(count, 2);
    }
}
