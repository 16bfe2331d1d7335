//! The network of a group in one thread: first in, first out, without serialization.

use std::collections::VecDeque;

/// Messages on their way, with the places of sender and receiver.
#[derive(Clone, Debug)]
pub struct Wire<M> {
    queue: VecDeque<(usize, usize, M)>,
    cut_off: Vec<bool>,
    delivered: u64,
}

impl<M> Wire<M> {
    /// A wire between `nodes` nodes, none of which is cut off.
    pub fn new(nodes: usize) -> Wire<M> {
        Wire { queue: VecDeque::new(), cut_off: vec![false; nodes], delivered: 0 }
    }

    /// Sends a message.
    #[inline]
    pub fn send(&mut self, from: usize, to: usize, message: M) {
        self.queue.push_back((from, to, message));
    }

    /// The next message that arrives: what is sent from or to a node that is cut off is lost.
    #[inline]
    pub fn receive(&mut self) -> Option<(usize, usize, M)> {
        loop {
            let (from, to, message) = self.queue.pop_front()?;
            if !self.cut_off[from] && !self.cut_off[to] {
                self.delivered += 1;
                return Some((from, to, message));
            }
        }
    }

    /// Cuts a node off, or ends that.
    pub fn cut_off(&mut self, place: usize, is_cut: bool) {
        self.cut_off[place] = is_cut;
    }

    /// How many messages arrived so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_to_or_from_a_node_that_is_cut_off_is_lost() {
        let mut wire = Wire::new(3);
        wire.cut_off(1, true);
        wire.send(0, 1, 'a');
        wire.send(1, 2, 'b');
        wire.send(0, 2, 'c');
        assert_eq!(wire.receive(), Some((0, 2, 'c')));
        assert_eq!((wire.receive(), wire.delivered()), (None, 1));
    }
}
