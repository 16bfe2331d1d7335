//! Replays a trace inside WebAssembly: `run.mjs` hands it over and reads the hash.

use std::alloc::{Layout, alloc};

/// Room for a trace of `len` bytes; null where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn quorate_room(len: usize) -> *mut u8 {
    let Ok(layout) = Layout::array::<u8>(len) else { return std::ptr::null_mut() };
    if layout.size() == 0 {
        return std::ptr::null_mut();
    }
    // SAFETY: the layout is not of size 0.
    unsafe { alloc(layout) }
}

/// Steps the trace again; its hash where every event is answered as it was recorded, else 0.
///
/// # Safety
/// `trace` is what [`quorate_room`] gave for `len`, filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn quorate_replay(trace: *const u8, len: usize) -> u64 {
    // SAFETY: the caller says so.
    let bytes = unsafe { std::slice::from_raw_parts(trace, len) };
    match quorate_driver::replay(bytes) {
        Ok(replayed) if replayed.divergence.is_none() && replayed.cut_bytes == 0 => replayed.hash,
        Ok(_) | Err(_) => 0,
    }
}
