//! Any sequence of events into a node.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = quorate_tests::fuzz::step(data);
});
