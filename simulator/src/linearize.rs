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

/// An operation in the search.
#[derive(Clone, Copy, Debug)]
struct Call {
    invoked: u64,
    /// `u64::MAX` where the operation may take effect at any later time.
    returned: u64,
    operation: Operation,
}

/// Judges the operations of *one* key, which at first has no value. Gives up after `max_steps`.
pub fn judge(operations: &[Operation], max_steps: u64) -> Verdict {
    Search::new(relevant(operations)).run(max_steps)
}

/// Leaves out what cannot matter: what surely did not happen, reads without an answer, and writes
/// of unknown outcome whose value nobody ever read or removed: they may as well never take effect.
fn relevant(operations: &[Operation]) -> Vec<Call> {
    let removed = operations.iter().any(|o| o.told == Told::Removed { existed: true });
    let read: BTreeSet<Value> = operations
        .iter()
        .filter_map(|operation| match operation.told {
            Told::Got(value) => value,
            Told::Unknown | Told::Never | Told::Done | Told::Removed { .. } => None,
        })
        .collect();
    let matters = |operation: &&Operation| match (operation.told, operation.ask) {
        (Told::Never, _) | (Told::Unknown, Ask::Get) => false,
        (Told::Unknown, Ask::Put(value)) => removed || read.contains(&value),
        (Told::Unknown, Ask::Delete) | (Told::Got(_) | Told::Done | Told::Removed { .. }, _) => {
            true
        }
    };
    let call = |operation: &Operation| Call {
        invoked: operation.invoked,
        returned: operation.returned,
        operation: *operation,
    };
    let mut calls: Vec<Call> = operations.iter().filter(matters).map(call).collect();
    calls.sort_by_key(|call| (call.invoked, call.returned));
    calls
}

/// What is placed already: all calls before `floor`, and these after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    floor: usize,
    after: Vec<usize>,
    value: Option<Value>,
}

struct Frame {
    placed: Placed,
    /// The call to try next.
    next: usize,
}

struct Search {
    calls: Vec<Call>,
    tried: BTreeSet<Placed>,
    furthest: usize,
}

impl Search {
    fn new(calls: Vec<Call>) -> Search {
        Search { calls, tried: BTreeSet::new(), furthest: 0 }
    }

    fn run(mut self, max_steps: u64) -> Verdict {
        let start = Placed { floor: 0, after: Vec::new(), value: None };
        let mut stack = vec![Frame { placed: start, next: 0 }];
        let mut steps = 0;
        while let Some(frame) = stack.last_mut() {
            if self.is_complete(&frame.placed) {
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
                        let next = placed.floor;
                        stack.push(Frame { placed, next });
                    }
                }
                None => {
                    stack.pop();
                }
            }
        }
        let stuck = self.furthest.min(self.calls.len().saturating_sub(1));
        match self.calls.get(stuck) {
            Some(call) => Verdict::Not { stuck_at: call.operation },
            None => Verdict::Linearizable,
        }
    }

    /// Every call with an answer is placed.
    fn is_complete(&self, placed: &Placed) -> bool {
        (placed.floor..self.calls.len())
            .all(|call| self.calls[call].returned == u64::MAX || placed.after.contains(&call))
    }

    /// Places one more call, the next that may come now and fits; none where all were tried.
    fn advance(&self, frame: &mut Frame) -> Option<Placed> {
        let placed = &frame.placed;
        // A call may come now only if no unplaced call had returned before it was invoked.
        let earliest_return = self.earliest_return(placed);
        while frame.next < self.calls.len() {
            let candidate = frame.next;
            let call = &self.calls[candidate];
            if call.invoked > earliest_return {
                return None;
            }
            frame.next += 1;
            if placed.after.contains(&candidate) {
                continue;
            }
            if let Some(value) = effect(&call.operation, placed.value) {
                return Some(place(placed, candidate, value));
            }
        }
        None
    }

    fn earliest_return(&self, placed: &Placed) -> u64 {
        let mut earliest = u64::MAX;
        for index in placed.floor..self.calls.len() {
            let call = &self.calls[index];
            if call.invoked > earliest {
                break;
            }
            if !placed.after.contains(&index) {
                earliest = earliest.min(call.returned);
            }
        }
        earliest
    }
}

fn place(placed: &Placed, call: usize, value: Option<Value>) -> Placed {
    let mut next = placed.clone();
    next.value = value;
    let at = next.after.partition_point(|other| *other < call);
    next.after.insert(at, call);
    let done = next.after.iter().enumerate().take_while(|(n, c)| **c == next.floor + n).count();
    next.after.drain(..done);
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
