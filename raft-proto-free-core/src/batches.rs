//! A list of batches that takes no allocation while there is at most one: the common case of every
//! message, write and apply. As small as a batch.

use alloc::{vec, vec::Vec};
use core::ops::Deref;

use crate::batch::Batch;

#[derive(Clone)]
pub(crate) enum Batches {
    One(Batch),
    /// Any number, none included.
    Many(Vec<Batch>),
}

impl Batches {
    pub(crate) const fn new() -> Batches {
        Batches::Many(Vec::new())
    }

    #[inline]
    pub(crate) fn push(&mut self, batch: Batch) {
        match self {
            Batches::Many(many) if many.capacity() == 0 => *self = Batches::One(batch),
            Batches::Many(many) => many.push(batch),
            Batches::One(_) => {
                let Batches::One(first) = core::mem::take(self) else { return };
                *self = Batches::Many(vec![first, batch]);
            }
        }
    }

    pub(crate) fn extend(&mut self, more: Batches) {
        if self.is_empty() {
            *self = more;
            return;
        }
        match more {
            Batches::One(batch) => self.push(batch),
            Batches::Many(many) => many.into_iter().for_each(|batch| self.push(batch)),
        }
    }

    // What follows is what the list would say as a slice, without making one of it.

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Batches::One(_) => false,
            Batches::Many(many) => many.is_empty(),
        }
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<&Batch> {
        match self {
            Batches::One(batch) => Some(batch),
            Batches::Many(many) => many.first(),
        }
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<&Batch> {
        match self {
            Batches::One(batch) => Some(batch),
            Batches::Many(many) => many.last(),
        }
    }

    /// What all of them cost. Bytes. Asked of every list that moves, and nearly always of one batch:
    /// a call would cost more than the answer.
    #[inline(always)]
    pub(crate) fn cost(&self) -> u64 {
        match self {
            Batches::One(batch) => batch.cost(),
            Batches::Many(many) => many.iter().map(Batch::cost).sum(),
        }
    }

    pub(crate) fn pop(&mut self) {
        match self {
            Batches::One(_) => *self = Batches::new(),
            Batches::Many(many) => drop(many.pop()),
        }
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut Batch> {
        match self {
            Batches::One(batch) => Some(batch),
            Batches::Many(many) => many.last_mut(),
        }
    }
}

impl Default for Batches {
    fn default() -> Batches {
        Batches::new()
    }
}

impl Deref for Batches {
    type Target = [Batch];

    fn deref(&self) -> &[Batch] {
        match self {
            Batches::One(batch) => core::slice::from_ref(batch),
            Batches::Many(many) => many,
        }
    }
}
