//! What goes wrong between nodes, besides plain partitions, loss and delay.

use quorate_core::Nanos;

use super::{Split, kinds::Kinds};

/// What goes wrong with messages. It concerns the links to and from the target, where it names no
/// split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// The network is split for messages of these kinds alone.
    Filter {
        /// How.
        split: Split,
        /// What does not come through.
        kinds: Kinds,
    },
    /// A partition that comes and goes.
    Flap {
        /// How the network is split, while it is.
        split: Split,
        /// Half of it split, half of it whole. At least [`SHORTEST_PERIOD`].
        period: Nanos,
    },
    /// Messages are kept, and all arrive at the end.
    Hold {
        /// In any order, rather than in that in which they were sent.
        shuffled: bool,
    },
    /// Of each link a queue holds what is under way; what finds it full is lost.
    Narrow {
        /// The most messages under way.
        messages: u64,
        /// The most bytes under way; one message may be longer.
        bytes: u64,
    },
    /// Messages that were sent before arrive once more, those of earlier terms and of earlier lives
    /// of their senders and receivers mostly.
    Replay {
        /// How many.
        count: u64,
    },
    /// What is sent to the target takes this much longer, and is overtaken by all else.
    Lag {
        /// How much longer.
        by: Nanos,
        /// What is late.
        kinds: Kinds,
    },
    /// So many messages in a million have bits changed on their way.
    Corrupt {
        /// In a million.
        ppm: u64,
    },
}

/// A partition that comes and goes faster than this is none.
pub const SHORTEST_PERIOD: Nanos = 1_000_000;
