//! Any bytes as a trace, and as a life that is recorded and stepped again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quorate_tests::fuzz::replay(data));
