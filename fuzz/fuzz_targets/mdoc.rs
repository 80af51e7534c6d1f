//! A document of a stranger: it is read or refused, and never verified.
#![no_main]

use std::sync::LazyLock;

use credential::mdoc::{
    CborValue, IssuerSigned, PresentationInput, SessionTranscript, verify, verify_received,
};
use credential::trust::TrustedRoots;
use credential::types::Bilingual;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, StatusAnswer, StatusRule, StatusSource,
};
use keys::{SecretKey, encoding::hex_decode};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

/// The standard's example, whose parts the fuzzer's bytes take the place of.
static EXAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let hex = include_str!("../../crates/credential/tests/vectors/iso_18013_5_device_response.cbor.hex");
    hex_decode(hex.trim()).expect("hexadecimal")
});

struct NoLists;

impl StatusSource for NoLists {
    fn list(&self, _uri: &str) -> StatusAnswer {
        StatusAnswer::Unavailable
    }
}

fuzz_target!(|data: &[u8]| {
    read(data);
    // The first two bytes say where in the example the rest stands.
    if let [high, low, rest @ ..] = data {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % EXAMPLE.len();
        let mut changed = EXAMPLE.clone();
        for (byte, new) in changed[at..].iter_mut().zip(rest) {
            *byte = *new;
        }
        read(&changed);
        // The issued part of it, as a wallet receives it.
        if let Ok(value) = ciborium::from_reader::<CborValue, _>(changed.as_slice())
            && let Some(issued) = issued(&value)
        {
            let mut bytes = Vec::new();
            ciborium::into_writer(issued, &mut bytes).expect("what was read can be written");
            read(&bytes);
        }
    }
});

fn issued(response: &CborValue) -> Option<&CborValue> {
    let member = |value: &'static str| move |map: &CborValue| -> Option<usize> {
        map.as_map()?.iter().position(|(key, _)| key.as_text() == Some(value))
    };
    let documents = &response.as_map()?[member("documents")(response)?].1;
    let document = documents.as_array()?.first()?;
    Some(&document.as_map()?[member("issuerSigned")(document)?].1)
}

fn read(bytes: &[u8]) {
    // No root is trusted: nothing verifies, whatever the bytes are.
    let name = Bilingual { ko: "예시".into(), en: "example".into() };
    let trust = TrustedRoots::new(vec![], name, vec![]);
    let chains = ChainCache::new(0);
    let transcript = SessionTranscript::dc_api("https://verifier.example", "nonce", None);
    let policy = Policy {
        types: AcceptedTypes::Any,
        required: vec![],
        holder_binding: HolderBinding::Waived,
        status: StatusRule::Waived,
    };
    let input = PresentationInput { response: bytes, transcript: &transcript };
    assert!(verify(&input, &policy, &trust, &NoLists, &chains, 1_601_856_000).is_err());
    let types = AcceptedTypes::Any;
    assert!(verify_received(bytes, KEY.public_key(), &types, &trust, &chains, 1_601_856_000).is_err());
    // Whatever was read can be chosen, and the choice reads again.
    let Ok(document) = IssuerSigned::parse(bytes) else { return };
    let selected = document.select(&[]).expect("nothing is always there");
    let response = selected.device_authentication(&transcript).finish(&KEY_SIGNATURE);
    assert!(verify(
        &PresentationInput { response: &response, transcript: &transcript },
        &policy,
        &trust,
        &NoLists,
        &chains,
        1_601_856_000
    )
    .is_err());
}

static KEY_SIGNATURE: LazyLock<keys::Signature> =
    LazyLock::new(|| keys::Signer::sign(&*KEY, b"anything").expect("a software key signs"));
