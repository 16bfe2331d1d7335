//! What can happen next in a small world.

/// One thing that may happen. Nodes count from 0, messages by their place among those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A message arrives.
    Deliver {
        /// Which.
        message: u16,
    },
    /// A message arrives, and will arrive once more.
    Duplicate {
        /// Which.
        message: u16,
    },
    /// A message is lost.
    Lose {
        /// Which.
        message: u16,
    },
    /// The oldest pending write of a node is durable.
    Written {
        /// Whose.
        node: u8,
    },
    /// A node's deadline comes.
    Timeout {
        /// Whose.
        node: u8,
    },
    /// Time passes for a node, until right before its deadline.
    Wait {
        /// For whom.
        node: u8,
    },
    /// A leader is asked to append one more command.
    Propose {
        /// Who.
        node: u8,
    },
    /// A node loses its power and starts again.
    Restart {
        /// Who.
        node: u8,
        /// How many of its pending writes, the oldest first, are on its disk, though nobody was told.
        kept: u8,
    },
}
