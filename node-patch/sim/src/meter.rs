//! An allocator that counts, per thread, what passes through it: for figures in bytes. A program
//! that wants them makes it its global one.
#![expect(
    unsafe_code,
    reason = "an allocator cannot be had without; every call is passed on as it came"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, with counters.
#[derive(Debug)]
pub struct Metered;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
    static FREED: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that this thread has allocated so far.
#[must_use]
pub fn allocated() -> u64 {
    ALLOCATED.get()
}

/// Bytes that this thread has allocated and not freed. What other threads freed for it counts as
/// held.
#[must_use]
pub fn held() -> u64 {
    ALLOCATED.get().saturating_sub(FREED.get())
}

fn count(counter: &'static std::thread::LocalKey<Cell<u64>>, bytes: usize) {
    // A thread that ends frees its own counters: what comes after that is not counted.
    let _ = counter.try_with(|counter| counter.set(counter.get() + bytes as u64));
}

// SAFETY: all four methods do what the system's allocator does with the same arguments, and count.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATED, layout.size());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(&FREED, layout.size());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATED, layout.size());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(&FREED, layout.size());
        count(&ALLOCATED, size);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
