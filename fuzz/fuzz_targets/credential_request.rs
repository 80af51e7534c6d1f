//! A credential request of a stranger: it is read or refused, and reads again as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openid::vci::{self, CredentialOffer, CredentialRequest, CredentialResponse, Granted, OfferLink};

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = CredentialRequest::parse(data) {
        assert_eq!(CredentialRequest::parse(&request.to_json()).as_ref(), Ok(&request));
        let granted = Granted { configurations: vec!["badge".to_owned()], details: Vec::new() };
        if let Ok(configuration) = request.resolve(&granted, |id| id == "badge") {
            assert_eq!(configuration, "badge");
        }
        let expected = vci::proof::Expected {
            issuer: "https://issuer.example",
            nonce: &|_| true,
            client_id: None,
            max_keys: 20,
            attesters: None,
            attestation_required: None,
            now: 1_764_000_000,
        };
        if let Ok(verified) = vci::proof::verify(request.proofs.as_ref(), &expected) {
            assert!(verified.keys().len() <= 20);
        }
    }
    if let Ok(offer) = CredentialOffer::parse(data) {
        let link = OfferLink::ByValue(offer);
        if link.to_link().len() <= 8 * 1024 {
            assert_eq!(OfferLink::parse(&link.to_link()).as_ref(), Ok(&link));
        }
    }
    if let Ok(response) = CredentialResponse::read(data, None) {
        assert_eq!(CredentialResponse::read(&response.to_json(), None).as_ref(), Ok(&response));
    }
    if let Ok(text) = str::from_utf8(data) {
        let _ = OfferLink::parse(text);
    }
});
