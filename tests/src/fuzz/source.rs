//! Choices made of bytes. Past their end every choice is zero.

/// Bytes, read from the front.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Source<'a> {
        Source { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number below `bound`, which is 1 to 256.
    pub(super) fn below(&mut self, bound: u16) -> u64 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        u64::from(u16::from(*first) % bound)
    }

    /// A number that a rule may stumble over: mostly close to `base`, else anything.
    pub(super) fn near(&mut self, base: u64) -> u64 {
        match self.below(16) {
            0..=5 => base,
            6..=8 => base.wrapping_add(1 + self.below(4)),
            9..=11 => base.wrapping_sub(1 + self.below(4)),
            12 => self.below(256),
            13 => (1 << 62) - self.below(4),
            14 => u64::MAX - self.below(4),
            _ => (0..8).fold(0, |number, _| number << 8 | self.below(256)),
        }
    }
}
