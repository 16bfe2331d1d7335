//! Is there an order of a key's operations that explains every answer? A black-box check after
//! Wing and Gong with Lowe's memory of what was tried; it trusts nothing but the history.

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

struct Frame {
    placed: Placed,
    /// No unplaced operation returned before this.
    earliest_return: u64,
    /// What to try next: first answered operations, then open ones.
    next: usize,
    next_open: usize,
}

struct Search {
    /// Operations with an answer, by invocation.
    answered: Vec<Operation>,
    /// Operations that may take effect at any later time, or never, by invocation.
    open: Vec<Operation>,
    tried: BTreeSet<Placed>,
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
        Search { answered, open, tried: BTreeSet::new(), furthest: 0 }
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
            match self.advance(frame) {
                Some(placed) => {
                    if self.tried.insert(placed.clone()) {
                        self.furthest = self.furthest.max(placed.floor);
                        stack.push(self.frame(placed));
                    }
                }
                None => {
                    stack.pop();
                }
            }
        }
        Verdict::Not { stuck_at: self.answered[self.furthest] }
    }

    fn frame(&self, placed: Placed) -> Frame {
        let mut earliest_return = u64::MAX;
        for index in placed.floor..self.answered.len() {
            let operation = &self.answered[index];
            if operation.invoked > earliest_return {
                break;
            }
            if !placed.behind.contains(&index) {
                earliest_return = earliest_return.min(operation.returned);
            }
        }
        Frame { next: placed.floor, next_open: 0, earliest_return, placed }
    }

    /// Places one more operation, the next that may come now and fits; none where all were tried.
    /// One may come now only if no unplaced one had returned before it was invoked.
    fn advance(&self, frame: &mut Frame) -> Option<Placed> {
        let placed = &frame.placed;
        while let Some(operation) = self.answered.get(frame.next) {
            let candidate = frame.next;
            if operation.invoked > frame.earliest_return {
                break;
            }
            frame.next += 1;
            if placed.behind.contains(&candidate) {
                continue;
            }
            if let Some(value) = effect(operation, placed.value) {
                return Some(place(placed, candidate, value));
            }
        }
        while let Some(operation) = self.open.get(frame.next_open) {
            let candidate = frame.next_open;
            if operation.invoked > frame.earliest_return {
                return None;
            }
            frame.next_open += 1;
            let value = effect(operation, placed.value);
            // One that changes nothing need not take effect here.
            if let (Some(value), Err(at)) = (value, placed.open.binary_search(&candidate))
                && value != placed.value
            {
                let mut next = placed.clone();
                next.open.insert(at, candidate);
                next.value = value;
                return Some(next);
            }
        }
        None
    }
}

fn place(placed: &Placed, operation: usize, value: Option<Value>) -> Placed {
    let mut next = placed.clone();
    next.value = value;
    let at = next.behind.partition_point(|other| *other < operation);
    next.behind.insert(at, operation);
    let done = next.behind.iter().enumerate().take_while(|(n, o)| **o == next.floor + n).count();
    next.behind.drain(..done);
    next.floor += done;
    next
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
