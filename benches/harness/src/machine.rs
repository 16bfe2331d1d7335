//! The payloads that all systems carry, and the state machine that all apply them to.

use bytes::Bytes;

/// How many different payloads there are: a power of two, so that choosing one costs a mask.
const VARIETY: usize = 64;

/// Payloads that differ from one another, made once: what is measured is Raft, not the making of
/// bytes.
#[derive(Clone, Debug)]
pub struct Payloads {
    list: [Bytes; VARIETY],
    next: usize,
}

impl Payloads {
    /// Payloads of `size` bytes.
    pub fn new(size: usize) -> Payloads {
        let payload = |number: usize| {
            // Room to spare makes it a shared buffer from the start, as one from a network is.
            let mut bytes = Vec::with_capacity(size + 1);
            bytes.extend((0..size).map(|place| (number * 131 + place * 7) as u8));
            Bytes::from(bytes)
        };
        Payloads { list: std::array::from_fn(payload), next: 0 }
    }

    /// The next payload, shared with all that came before it in its place.
    pub fn next_payload(&mut self) -> Bytes {
        let payload = self.list[self.next % VARIETY].clone();
        self.next += 1;
        payload
    }
}

/// A node's applied state. While it is checked in full it is a hash over every byte of every
/// payload in order; else the count and the last index, since hashing would cost more than some
/// of what is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    count: u64,
    last_index: u64,
    hash: u64,
    is_hashing: bool,
}

impl Machine {
    /// Applies `count` entries, the last of which is at `last_index`; `payloads` are those of the
    /// commands among them and asked for only where they are hashed.
    pub fn apply<'a, P>(&mut self, count: u64, last_index: u64, payloads: impl FnOnce() -> P)
    where
        P: IntoIterator<Item = &'a [u8]>,
    {
        assert!(last_index > self.last_index, "applied {last_index} after {}", self.last_index);
        self.count += count;
        self.last_index = last_index;
        if self.is_hashing {
            for payload in payloads() {
                self.hash = payload.iter().fold(self.hash ^ payload.len() as u64, |hash, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
                });
            }
        }
    }

    /// How many entries were applied, those included that hold no command.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last entry applied.
    pub fn last_index(&self) -> u64 {
        self.last_index
    }

    pub(crate) fn set_hashing(&mut self, is_hashing: bool) {
        self.is_hashing = is_hashing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_in_full_check_sees_the_order_of_payloads() {
        let mut payloads = Payloads::new(16);
        let (one, two) = (payloads.next_payload(), payloads.next_payload());
        let applied = |list: [&Bytes; 2]| {
            let mut machine = Machine { is_hashing: true, ..Machine::default() };
            machine.apply(2, 2, || list.map(|payload| &payload[..]));
            machine
        };
        assert_eq!(applied([&one, &two]), applied([&one, &two]));
        assert_ne!(applied([&one, &two]), applied([&two, &one]));
    }
}
