//! A PATCH of an HR system on a user: all of it or nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| mapae::scim::fuzz::patches(data));
