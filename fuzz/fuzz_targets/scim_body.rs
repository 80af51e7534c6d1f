//! A user or department as an HR system sends it: every text that comes out is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| mapae::scim::fuzz::bodies(data));
