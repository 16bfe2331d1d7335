//! Where every drawn number comes from. Knows nothing of what is drawn.
//!
//! Each concern and each entity has a stream of its own, so that one more draw in one place shifts
//! no draw anywhere else. Within a stream, what concerns one thing among many (a message, an
//! operation) is drawn by a key that names it, so that one thing less shifts no draw for the others.
//! Zero always means the benign choice: no fault, the least delay, in order.

mod chance;
mod enumerate;
mod recording;
mod stream;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

pub use chance::Chance;
pub use enumerate::{Enumerator, Widths};
pub use recording::{Drawn, Recording};
pub use stream::Stream;

use crate::hash::{mix, scatter};

#[derive(Clone, Debug)]
enum Source {
    /// A ChaCha8 stream for each [`Stream`], made when first used; and for each the number that
    /// draws by key start from.
    Seed { seed: u64, streams: Vec<Option<Box<ChaCha8Rng>>>, roots: Vec<Option<u64>> },
    /// A byte string that is used up in order, whoever draws; zeros behind its end.
    Bytes { bytes: Vec<u8>, next: usize },
    /// One of all the ways through the first draws, whoever draws; zeros behind them.
    Path(enumerate::Path),
    /// What was drawn in an earlier run.
    Recording(recording::Playback),
}

impl Source {
    /// The next number below `bound`, of a source that is used up in order.
    fn next(&mut self, stream: Stream, bound: u64) -> u64 {
        match self {
            Source::Bytes { bytes, next } => below(next_word(bytes, next), bound),
            Source::Path(path) => path.next(bound),
            Source::Recording(playback) => playback.next(stream, bound),
            // The others draw from streams of their own.
            Source::Seed { seed, streams, .. } => below(word_of(*seed, streams, stream), bound),
        }
    }
}

/// How many series a stream has.
const SERIES: u64 = 16;
/// Keeps the streams that keys start from apart from those that are drawn in order.
const ROOTS: u64 = 1 << 32;

/// Things of one kind that follow each other in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// Which kind, below 16.
    pub kind: u64,
    /// They are counted anew with each epoch, which is a term mostly: what shifts within one does
    /// not reach the next.
    pub epoch: u64,
}

/// The one source of chance in a run.
#[derive(Clone, Debug)]
pub struct Choices {
    source: Source,
    /// By number of the stream; what is not there is not quiet.
    quiet: Vec<bool>,
    /// By number of the stream and kind: the epoch, and how many there were in it.
    counts: Vec<(u64, u64)>,
    /// What was drawn, where that is kept.
    record: Option<Box<Recording>>,
}

impl Choices {
    /// Everything follows from `seed`.
    pub fn from_seed(seed: u64) -> Choices {
        Choices::of(Source::Seed { seed, streams: Vec::new(), roots: Vec::new() })
    }

    /// Everything follows from `bytes`, as a fuzzer gives them; no bytes is the most benign run.
    pub fn from_bytes(bytes: Vec<u8>) -> Choices {
        Choices::of(Source::Bytes { bytes, next: 0 })
    }

    fn of(source: Source) -> Choices {
        Choices { source, quiet: Vec::new(), counts: Vec::new(), record: None }
    }

    /// Everything is as it was drawn when `recording` was kept, by whoever drew it; once the run
    /// draws something else than that one did, all else is benign, and
    /// [`Choices::has_parted`] says so.
    pub fn from_recording(recording: Recording) -> Choices {
        Choices::of(Source::Recording(recording::Playback::new(recording)))
    }

    /// Keeps what is drawn from now on.
    pub fn keep_record(&mut self) {
        self.record = Some(Box::default());
    }

    /// Takes what was drawn since [`Choices::keep_record`].
    pub fn take_record(&mut self) -> Option<Recording> {
        self.record.take().map(|record| *record)
    }

    /// The draw, counted from 0, at which a run left the recording that it plays; none where it
    /// did not, and for every other source.
    pub fn has_parted(&self) -> Option<u64> {
        match &self.source {
            Source::Recording(playback) => playback.parted(),
            Source::Seed { .. } | Source::Bytes { .. } | Source::Path(_) => None,
        }
    }

    /// From now on this stream makes benign choices only.
    pub fn silence(&mut self, stream: Stream) {
        let place = stream.number() as usize;
        if self.quiet.len() <= place {
            self.quiet.resize(place + 1, false);
        }
        self.quiet[place] = true;
    }

    #[inline]
    fn is_quiet(&self, stream: Stream) -> bool {
        !self.quiet.is_empty() && self.quiet.get(stream.number() as usize) == Some(&true)
    }

    /// A number below `bound`, or 0 where `bound` is 0 or 1: the next one of the stream.
    #[inline]
    pub fn draw(&mut self, stream: Stream, bound: u64) -> u64 {
        if self.is_quiet(stream) {
            return 0;
        }
        let drawn = match &mut self.source {
            Source::Seed { seed, streams, .. } => below(word_of(*seed, streams, stream), bound),
            other => other.next(stream, bound),
        };
        if let Some(record) = &mut self.record {
            record.push(stream, bound, drawn);
        }
        drawn
    }

    /// Numbers below `bounds` for the thing that `key` names: the same whenever it is drawn.
    #[inline]
    pub fn keyed<const N: usize>(
        &mut self,
        stream: Stream,
        key: u64,
        bounds: [u64; N],
    ) -> [u64; N] {
        if self.is_quiet(stream) {
            return [0; N];
        }
        let drawn = match &mut self.source {
            Source::Seed { seed, roots, .. } => {
                let mut word = root_of(*seed, roots, stream) ^ scatter(key);
                bounds.map(|bound| {
                    word = scatter(word);
                    below(word, bound)
                })
            }
            other => bounds.map(|bound| other.next(stream, bound)),
        };
        if let Some(record) = &mut self.record {
            bounds.iter().zip(drawn).for_each(|(bound, drawn)| record.push(stream, *bound, drawn));
        }
        drawn
    }

    /// Numbers below `bounds` for the next thing of a series.
    #[inline]
    pub fn next_of<const N: usize>(
        &mut self,
        stream: Stream,
        series: Series,
        bounds: [u64; N],
    ) -> [u64; N] {
        let place = (stream.number() * SERIES + series.kind % SERIES) as usize;
        if self.counts.len() <= place {
            self.counts.resize(place + 1, (0, 0));
        }
        let (epoch, count) = &mut self.counts[place];
        if *epoch != series.epoch {
            (*epoch, *count) = (series.epoch, 0);
        }
        *count += 1;
        let key = mix(mix(series.kind, series.epoch), *count);
        self.keyed(stream, key, bounds)
    }

    /// Whether something happens that has `chance` in a million.
    #[inline]
    pub fn happens(&mut self, stream: Stream, chance: u64) -> bool {
        // The high end, so that zero is "no".
        self.draw(stream, 1_000_000) >= 1_000_000 - chance.min(1_000_000)
    }

    /// A number from `low` through `high`.
    #[inline]
    pub fn between(&mut self, stream: Stream, low: u64, high: u64) -> u64 {
        low + self.draw(stream, high.saturating_sub(low) + 1)
    }

    /// One of `list`; its first is the benign one.
    ///
    /// # Panics
    /// Where `list` is empty.
    pub fn pick<T: Copy>(&mut self, stream: Stream, list: &[T]) -> T {
        list[self.draw(stream, list.len() as u64) as usize]
    }
}

/// Maps a word to a number below `bound`, keeping the order.
#[inline]
fn below(word: u64, bound: u64) -> u64 {
    ((u128::from(word) * u128::from(bound)) >> 64) as u64
}

fn next_word(bytes: &[u8], next: &mut usize) -> u64 {
    let mut word = [0; 8];
    for (slot, byte) in word.iter_mut().zip(bytes.iter().skip(*next)) {
        *slot = *byte;
    }
    *next = next.saturating_add(8);
    u64::from_be_bytes(word)
}

#[inline]
fn root_of(seed: u64, roots: &mut Vec<Option<u64>>, stream: Stream) -> u64 {
    let number = stream.number();
    let place = number as usize;
    if roots.len() <= place {
        roots.resize(place + 1, None);
    }
    *roots[place].get_or_insert_with(|| generator(seed, ROOTS + number).next_u64())
}

fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

#[inline]
fn word_of(seed: u64, streams: &mut Vec<Option<Box<ChaCha8Rng>>>, stream: Stream) -> u64 {
    let number = stream.number();
    let place = number as usize;
    if streams.len() <= place {
        streams.resize_with(place + 1, || None);
    }
    streams[place].get_or_insert_with(|| Box::new(generator(seed, number))).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_does_not_depend_on_the_draws_of_another() {
        let mut plain = Choices::from_seed(7);
        let expected: Vec<u64> = (0..50).map(|_| plain.draw(Stream::Link(0, 1), 1000)).collect();
        let mut mixed = Choices::from_seed(7);
        let found: Vec<u64> = (0..50)
            .map(|_| {
                mixed.draw(Stream::Ties, 10);
                mixed.draw(Stream::Link(1, 0), 10);
                mixed.draw(Stream::Link(0, 1), 1000)
            })
            .collect();
        assert_eq!(expected, found);
    }

    #[test]
    fn streams_and_seeds_differ() {
        let mut a = Choices::from_seed(1);
        let mut b = Choices::from_seed(2);
        assert_ne!(a.draw(Stream::Ties, u64::MAX), b.draw(Stream::Ties, u64::MAX));
        assert_ne!(a.draw(Stream::Disk(0), u64::MAX), a.draw(Stream::Disk(1), u64::MAX));
    }

    #[test]
    fn what_a_key_names_is_drawn_the_same_whatever_else_is_drawn() {
        let mut plain = Choices::from_seed(7);
        let expected = plain.keyed(Stream::Client(2), 40, [1000, 1000]);
        assert_ne!(expected[0], expected[1]);
        let mut mixed = Choices::from_seed(7);
        mixed.keyed(Stream::Client(2), 39, [1000]);
        mixed.draw(Stream::Client(2), 10);
        assert_eq!(mixed.keyed(Stream::Client(2), 40, [1000, 1000]), expected);
        assert_ne!(mixed.keyed(Stream::Client(3), 40, [1000, 1000]), expected);
    }

    #[test]
    fn a_series_begins_anew_with_its_epoch_and_knows_no_other_kind() {
        let draw = |choices: &mut Choices, kind, epoch| {
            choices.next_of(Stream::Link(0, 1), Series { kind, epoch }, [u64::MAX])[0]
        };
        let mut plain = Choices::from_seed(7);
        draw(&mut plain, 1, 5);
        let expected = [draw(&mut plain, 1, 6), draw(&mut plain, 1, 6)];
        assert_ne!(expected[0], expected[1]);
        let mut mixed = Choices::from_seed(7);
        for _ in 0..9 {
            draw(&mut mixed, 1, 5);
            draw(&mut mixed, 2, 6);
        }
        assert_eq!([draw(&mut mixed, 1, 6), draw(&mut mixed, 1, 6)], expected);
    }

    #[test]
    fn a_silent_stream_is_benign_and_alone_in_that() {
        let mut choices = Choices::from_seed(7);
        choices.silence(Stream::Disk(1));
        assert_eq!(choices.draw(Stream::Disk(1), u64::MAX), 0);
        assert_eq!(choices.keyed(Stream::Disk(1), 3, [u64::MAX]), [0]);
        assert_ne!(choices.draw(Stream::Disk(0), u64::MAX), 0);
        assert_ne!(choices.draw(Stream::Disk(2), u64::MAX), 0);
    }

    #[test]
    fn keyed_draws_are_spread_evenly() {
        let mut choices = Choices::from_seed(3);
        let mut counts = [0_u64; 8];
        for key in 0..8_000 {
            let [draw, _] = choices.keyed(Stream::Ties, key, [8, 8]);
            counts[draw as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn no_bytes_is_the_benign_run() {
        let mut choices = Choices::from_bytes(Vec::new());
        assert_eq!(choices.draw(Stream::Ties, 9), 0);
        assert!(!choices.happens(Stream::Ties, 999_999));
        assert_eq!(choices.between(Stream::Ties, 5, 9), 5);
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let mut choices = Choices::from_seed(3);
        assert!((0..10_000).all(|_| choices.draw(Stream::Ties, 7) < 7));
        assert!(choices.happens(Stream::Ties, 1_000_000));
    }
}
