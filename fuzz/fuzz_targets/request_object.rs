//! A presentation link, request object or response of a stranger: a request is believed only under a trusted signature.
#![no_main]

use std::sync::LazyLock;

use keys::{PublicKey, Signer};
use keys::{SecretKey, jws::Header, jws::SigningInput};
use libfuzzer_sys::fuzz_target;
use openid::vp::{self, Expected, Fetched, RequestLink, Response, VerifiedRequest};

const DID: &str = "decentralized_identifier:did:example:1";
static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

fn find(kid: &str) -> Option<PublicKey> {
    (kid == "did:example:1#0").then(|| KEY.public_key().clone())
}

fuzz_target!(|data: &[u8]| {
    let expected = Expected {
        fetched: Fetched { client_id: DID, wallet_nonce: None },
        anchors: &[],
        did_key: Some(&find),
        audience: None,
        transaction_types: &["type"],
        allow_unsigned: true,
        now: 1_764_000_000,
    };
    // Parameters of the stranger's choice under a good signature.
    let input = SigningInput::new(&Header::es256(vp::TYP).with_kid("did:example:1#0"), data);
    let signature = KEY.sign(input.as_bytes()).expect("a key in memory signs");
    if let Ok(request) = VerifiedRequest::verify(&input.finish(&signature), &expected) {
        assert_eq!(request.client_id(), DID);
        assert!(request.response_uri().starts_with("http"));
        let _ = request.respond(&vp::VpToken::default());
    }
    if let Ok(text) = str::from_utf8(data) {
        assert!(VerifiedRequest::verify(text, &expected).is_err(), "nobody else holds this run's key");
        match RequestLink::parse(text) {
            Ok(RequestLink::Unsigned(form)) => drop(VerifiedRequest::from_unsigned(&form, &expected)),
            Ok(link) => assert_eq!(RequestLink::parse(&link.to_link("openid4vp")).as_ref(), Ok(&link)),
            Err(_) => {}
        }
    }
    if let Ok(Response::Plain(content)) = Response::parse(data) {
        assert!(content.vp_token.iter().all(|(_, presentations)| !presentations.is_empty()));
    }
});
