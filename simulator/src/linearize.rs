//! Is there an order of a key's operations that explains every answer? A black-box check after
//! Wing and Gong with Lowe's memory of what was tried; it trusts nothing but the history. What the
//! log says of an order only decides what is tried first.

use std::collections::BTreeSet;

use crate::history::{Ask, Operation, Told, Value};

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Not {
        /// The operation that no order that was tried could place: the furthest one reached.
        stuck_at: Operation,
    },
    /// The search was given up after this many steps.
    GivenUp {
        /// How many.
        steps: u64,
    },
}

/// Judges the operations of *one* key, which at first has no value. Gives up after `max_steps`.
pub fn judge(operations: &[Operation], max_steps: u64) -> Verdict {
    Search::new(operations).run(max_steps)
}

/// What is placed already: of the answered operations all before `floor` and these behind it; of
/// the open ones, these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    floor: usize,
    behind: Vec<usize>,
    open: Vec<usize>,
    value: Option<Value>,
}

/// One more step of an order.
#[derive(Clone, Copy)]
enum Move {
    /// An answered operation.
    Answered(usize),
    /// An open one, whose effect an answered one needs.
    Open(usize),
}

/// A state whose moves are tried one after the other.
struct Frame {
    placed: Placed,
    moves: std::vec::IntoIter<Move>,
}

struct Search {
    /// Operations with an answer, by invocation.
    answered: Vec<Operation>,
    /// Operations that may take effect at any later time, or never, by invocation.
    open: Vec<Operation>,
    /// States from which there is no way to the end.
    failed: BTreeSet<Placed>,
    furthest: usize,
}

impl Search {
    /// Leaves out what cannot matter: what surely did not happen, reads without an answer, and
    /// writes of unknown outcome whose value nobody ever read or removed: they may as well never
    /// take effect.
    fn new(operations: &[Operation]) -> Search {
        let removed = operations.iter().any(|o| o.told == Told::Removed { existed: true });
        let read: BTreeSet<Value> = operations
            .iter()
            .filter_map(|operation| match operation.told {
                Told::Got(value) => value,
                Told::Unknown | Told::Never | Told::Done | Told::Removed { .. } => None,
            })
            .collect();
        let matters = |ask: Ask| match ask {
            Ask::Get => false,
            Ask::Put(value) => removed || read.contains(&value),
            Ask::Delete => true,
        };
        let (mut answered, mut open) = (Vec::new(), Vec::new());
        for operation in operations {
            match operation.told {
                Told::Never => {}
                Told::Unknown if matters(operation.ask) => open.push(*operation),
                Told::Unknown => {}
                Told::Got(_) | Told::Done | Told::Removed { .. } => answered.push(*operation),
            }
        }
        answered.sort_by_key(|operation| (operation.invoked, operation.returned));
        open.sort_by_key(|operation| operation.invoked);
        Search { answered, open, failed: BTreeSet::new(), furthest: 0 }
    }

    fn run(mut self, max_steps: u64) -> Verdict {
        let start = Placed { floor: 0, behind: Vec::new(), open: Vec::new(), value: None };
        let mut stack = vec![self.frame(start)];
        let mut steps = 0;
        while let Some(frame) = stack.last_mut() {
            if frame.placed.floor == self.answered.len() {
                return Verdict::Linearizable;
            }
            steps += 1;
            if steps > max_steps {
                return Verdict::GivenUp { steps: max_steps };
            }
            match frame.moves.next() {
                Some(next) => {
                    let next = self.frame(self.after(&frame.placed, next));
                    // A state never comes twice on one way, so only what failed is remembered.
                    if !self.failed.contains(&next.placed) {
                        self.furthest = self.furthest.max(next.placed.floor);
                        stack.push(next);
                    }
                }
                None => self.failed.extend(stack.pop().map(|frame| frame.placed)),
            }
        }
        Verdict::Not { stuck_at: self.answered[self.furthest] }
    }

    /// A state, with what may come next. What fits and changes nothing comes at once: wherever else
    /// an order has it, it may stand here, and all others fit as before.
    fn frame(&self, mut placed: Placed) -> Frame {
        loop {
            let candidates = self.candidates(&placed);
            let is_still = |at: &usize| is_still(&self.answered[*at], placed.value);
            match candidates.iter().copied().find(is_still) {
                Some(still) => place(&mut placed, still),
                None => {
                    let moves = self.moves(&placed, candidates).into_iter();
                    return Frame { placed, moves };
                }
            }
        }
    }

    /// The answered operations that may come now: no unplaced one had returned before they were
    /// invoked. First comes what comes first in the log, if that says so: this is mostly right, and
    /// decides only what is tried first.
    fn candidates(&self, placed: &Placed) -> Vec<usize> {
        let (mut list, mut earliest_return) = (Vec::new(), u64::MAX);
        for (index, operation) in self.answered.iter().enumerate().skip(placed.floor) {
            if operation.invoked > earliest_return {
                break;
            }
            if placed.behind.binary_search(&index).is_err() {
                earliest_return = earliest_return.min(operation.returned);
                list.push(index);
            }
        }
        // An operation may have been listed before one was met that returned before it.
        list.retain(|index| self.answered[*index].invoked <= earliest_return);
        list.sort_by_key(|index| self.answered[*index].place.index);
        list
    }

    /// Candidates that fit; and for each that does not, what open operations make it fit. Elsewhere
    /// an open one need not take effect: if what follows it does not need its effect, that may stand
    /// before it, or writes over it unseen.
    fn moves(&self, placed: &Placed, candidates: Vec<usize>) -> Vec<Move> {
        let returns = candidates.iter().map(|at| self.answered[*at].returned);
        let earliest_return = returns.min().unwrap_or(u64::MAX);
        let last = self.open.partition_point(|open| open.invoked <= earliest_return);
        let mut moves = Vec::new();
        for candidate in candidates {
            let operation = &self.answered[candidate];
            if effect(operation, placed.value).is_some() {
                moves.push(Move::Answered(candidate));
                continue;
            }
            let makes_it_fit = |at: &usize| {
                let value = effect(&self.open[*at], placed.value);
                value.is_some_and(|value| effect(operation, value).is_some())
                    && placed.open.binary_search(at).is_err()
            };
            moves.extend((0..last).filter(makes_it_fit).map(Move::Open));
        }
        moves
    }

    fn after(&self, placed: &Placed, next: Move) -> Placed {
        let mut placed = placed.clone();
        let operation = match next {
            Move::Answered(at) => {
                place(&mut placed, at);
                &self.answered[at]
            }
            Move::Open(at) => {
                let before = placed.open.partition_point(|other| *other < at);
                placed.open.insert(before, at);
                &self.open[at]
            }
        };
        placed.value = effect(operation, placed.value).unwrap_or(placed.value);
        placed
    }
}

fn place(placed: &mut Placed, operation: usize) {
    let at = placed.behind.partition_point(|other| *other < operation);
    placed.behind.insert(at, operation);
    let floor = placed.floor;
    let done = placed.behind.iter().enumerate().take_while(|(n, o)| **o == floor + n).count();
    placed.behind.drain(..done);
    placed.floor += done;
}

/// Whether the operation fits and changes nothing.
fn is_still(operation: &Operation, value: Option<Value>) -> bool {
    match operation.told {
        Told::Got(read) => read == value,
        Told::Removed { existed } => !existed && value.is_none(),
        Told::Unknown | Told::Never | Told::Done => false,
    }
}

/// The value after the operation, where its answer fits the value before it.
fn effect(operation: &Operation, value: Option<Value>) -> Option<Option<Value>> {
    match (operation.ask, operation.told) {
        (Ask::Get, Told::Got(read)) => (read == value).then_some(value),
        (Ask::Get, Told::Unknown | Told::Never | Told::Done | Told::Removed { .. }) => Some(value),
        (Ask::Put(written), _) => Some(Some(written)),
        (Ask::Delete, Told::Removed { existed }) => (value.is_some() == existed).then_some(None),
        (Ask::Delete, _) => Some(None),
    }
}

#[cfg(test)]
mod tests;
