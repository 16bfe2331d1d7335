//! Where every drawn number comes from. Knows nothing of what is drawn.
//!
//! Each concern and each entity has a stream of its own, so that one more draw in one place shifts
//! no draw anywhere else. Zero always means the benign choice: no fault, the least delay, in order.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::MAX_NODES;

/// Who draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The configuration of the run: nodes, timeouts, which faults are on.
    Configuration,
    /// The plan of faults.
    Plan,
    /// The order of simultaneous events.
    Ties,
    /// What a client asks, when, and of whom.
    Client(u64),
    /// What a link from one node to another does to its messages.
    Link(u64, u64),
    /// What a node's disk does.
    Disk(u64),
    /// What a node's clock does.
    Clock(u64),
    /// How long a node's work takes.
    Process(u64),
    /// The seed of a node's core.
    Core(u64),
}

impl Stream {
    /// A dense number for each stream; nodes and clients count from 0.
    fn number(self) -> u64 {
        let nodes = MAX_NODES;
        match self {
            Stream::Configuration => 0,
            Stream::Plan => 1,
            Stream::Ties => 2,
            Stream::Disk(node) => 3 + node,
            Stream::Clock(node) => 3 + nodes + node,
            Stream::Process(node) => 3 + 2 * nodes + node,
            Stream::Core(node) => 3 + 3 * nodes + node,
            Stream::Link(from, to) => 3 + 4 * nodes + from * nodes + to,
            Stream::Client(client) => 3 + 4 * nodes + nodes * nodes + client,
        }
    }
}

#[derive(Clone, Debug)]
enum Source {
    /// A ChaCha8 stream for each [`Stream`], made when first used.
    Seed { seed: u64, streams: Vec<Option<Box<ChaCha8Rng>>> },
    /// A byte string that is used up in order, whoever draws; zeros behind its end.
    Bytes { bytes: Vec<u8>, next: usize },
}

/// The one source of chance in a run.
#[derive(Clone, Debug)]
pub struct Choices {
    source: Source,
}

impl Choices {
    /// Everything follows from `seed`.
    pub fn from_seed(seed: u64) -> Choices {
        Choices { source: Source::Seed { seed, streams: Vec::new() } }
    }

    /// Everything follows from `bytes`, as a fuzzer gives them; no bytes is the most benign run.
    pub fn from_bytes(bytes: Vec<u8>) -> Choices {
        Choices { source: Source::Bytes { bytes, next: 0 } }
    }

    /// A number below `bound`, or 0 where `bound` is 0 or 1.
    #[inline]
    pub fn draw(&mut self, stream: Stream, bound: u64) -> u64 {
        let word = match &mut self.source {
            Source::Seed { seed, streams } => word_of(*seed, streams, stream),
            Source::Bytes { bytes, next } => {
                let mut word = [0; 8];
                for (slot, byte) in word.iter_mut().zip(bytes.iter().skip(*next)) {
                    *slot = *byte;
                }
                *next = next.saturating_add(8);
                u64::from_be_bytes(word)
            }
        };
        ((u128::from(word) * u128::from(bound)) >> 64) as u64
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

#[inline]
fn word_of(seed: u64, streams: &mut Vec<Option<Box<ChaCha8Rng>>>, stream: Stream) -> u64 {
    let number = stream.number();
    let place = number as usize;
    if streams.len() <= place {
        streams.resize_with(place + 1, || None);
    }
    let generator = streams[place].get_or_insert_with(|| {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(number);
        Box::new(generator)
    });
    generator.next_u64()
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
