//! Filters, PATCH paths and attribute names of an HR system: bounded in depth, whatever the text says.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| mapae::scim::fuzz::filters(data));
