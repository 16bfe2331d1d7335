//! Any bytes as the chance of a whole simulated world.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = quorate_tests::fuzz::world(data);
});
