//! What comes from a chain that others run: transactions, answers, events and refusals of the contracts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::Log;
use registry::contract::{Accreditation, Agency, Anchor, Event, Refusal, Schema};
use registry::ethereum::{Address, B256, Bytes, Signed};

fuzz_target!(|data: &[u8]| {
    if let Ok(signed) = Signed::decode(data) {
        assert_eq!(signed.raw.as_ref(), data, "a transaction has one spelling");
    }
    let _ = (Agency::read(data), Accreditation::read(data), Anchor::read(data), Schema::read(data));
    let _ = Refusal::read(data);
    if let [topics, rest @ ..] = data {
        let count = usize::from(*topics % 5).min(rest.len() / 32);
        let (words, data) = rest.split_at(count * 32);
        let topics = words.chunks_exact(32).map(B256::from_slice).collect();
        let log = Log {
            address: Address::ZERO,
            topics,
            data: Bytes::copy_from_slice(data),
            block: 1,
            block_hash: B256::ZERO,
            transaction: B256::ZERO,
            transaction_index: 0,
            index: 0,
        };
        let _ = Event::read(&log);
    }
});
