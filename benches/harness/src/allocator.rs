//! Counts what a program asks the system's allocator for. Decides nothing.

// A `GlobalAlloc` is an unsafe trait with unsafe methods: there is no other way to see every
// allocation. Each method here only counts and hands the very same arguments to `System`, so what
// the caller promises to us is what `System` is promised.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // Each thread counts for itself: a measured program has one thread, and a locked addition for
    // each allocation would be a cost that the measured system does not have. Constant and without
    // a destructor, so that reaching them allocates nothing.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static ALLOCATED_BYTES: Cell<u64> = const { Cell::new(0) };
    static FREED_BYTES: Cell<u64> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    ALLOCATED_BYTES.set(ALLOCATED_BYTES.get() + bytes as u64);
}

fn count_freed(bytes: usize) {
    FREED_BYTES.set(FREED_BYTES.get() + bytes as u64);
}

// SAFETY: every call goes to `System` unchanged; counting allocates nothing and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promised us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promised us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count_freed(layout.size());
        // SAFETY: as the caller promised us; all memory comes from `System`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        count_freed(layout.size());
        // SAFETY: as the caller promised us; all memory comes from `System`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// What a thread asked for since its start. A reallocation counts as one allocation of its
/// new size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// How many times.
    pub count: u64,
    /// How much, in bytes.
    pub bytes: u64,
}

/// What this thread asked for so far.
pub fn allocated() -> Allocated {
    Allocated { count: ALLOCATIONS.get(), bytes: ALLOCATED_BYTES.get() }
}

/// What this thread has in use now, in bytes, without the allocator's own overhead.
pub fn live_bytes() -> u64 {
    ALLOCATED_BYTES.get().saturating_sub(FREED_BYTES.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_counted_with_its_size_and_freed() {
        let (before, live) = (allocated(), live_bytes());
        let memory = std::hint::black_box(vec![0_u8; 1 << 20]);
        let after = allocated();
        assert!(after.count > before.count);
        assert!(after.bytes - before.bytes >= 1 << 20);
        assert!(live_bytes() >= live + (1 << 20));
        drop(memory);
    }
}
