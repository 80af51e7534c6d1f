//! What a holder sends: the chosen elements, and the device key's signature over the session transcript.

use coset::CborSerializable;
use keys::Signature;

use super::SessionTranscript;
use super::cbor::Writer;
use super::issue::to_be_signed;
use super::item::{IssuerSigned, Item};
use crate::cose::ES256;
use crate::path::{ClaimPath, Step};
use crate::sd_jwt::SelectError;

/// `DeviceNameSpaces` without any: an empty map.
const NO_NAME_SPACES: [u8; 1] = [0xa0];

impl IssuerSigned {
    /// The document with only those elements that the paths need: `[namespace, element]`, or `[namespace]` for all of
    /// it. A path into an element tells the whole element.
    pub fn select(&self, paths: &[ClaimPath]) -> Result<Selected, SelectError> {
        if let Some(path) = paths.iter().find(|path| path.select(self.dangerous_claims()).is_err()) {
            return Err(SelectError::NoSuchClaim(path.clone()));
        }
        let told = |name_space: &str, item: &Item| {
            let place = [Step::Key(name_space.to_owned()), Step::Key(item.name.clone())];
            paths.iter().any(|path| path.touches(&place))
        };
        let chosen = self.name_spaces.iter().filter_map(|(name, items)| {
            let items: Vec<&Item> = items.iter().filter(|item| told(name, item)).collect();
            (!items.is_empty()).then_some((name, items))
        });
        let chosen: Vec<_> = chosen.collect();
        let mut document = Writer::with_capacity(2048);
        if chosen.is_empty() {
            document.map(1);
        } else {
            document.map(2).text("nameSpaces").map(chosen.len());
        }
        for (name, items) in chosen {
            document.text(name).array(items.len());
            items.iter().fold(&mut document, |document, item| document.embedded(&item.encoded));
        }
        // What was read from CBOR can be written.
        document.text("issuerAuth").raw(&self.auth.clone().to_vec().unwrap_or_default());
        Ok(Selected { doc_type: self.mso.doc_type.clone(), issuer_signed: document.into_bytes() })
    }
}

/// A document ready to be presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    doc_type: String,
    issuer_signed: Vec<u8>,
}

impl Selected {
    /// What the device key must sign.
    pub fn device_authentication(self, transcript: &SessionTranscript) -> BoundResponse {
        let authentication = transcript.device_authentication(&self.doc_type, &NO_NAME_SPACES);
        BoundResponse { selected: self, input: to_be_signed(authentication.as_bytes()) }
    }
}

/// A device response that only lacks the device key's signature.
#[derive(Debug)]
pub struct BoundResponse {
    selected: Selected,
    /// The `Sig_structure`.
    input: Writer,
}

impl BoundResponse {
    /// The bytes to sign with ES256.
    pub fn as_bytes(&self) -> &[u8] {
        self.input.as_bytes()
    }

    /// The `DeviceResponse` (§8.3.2.1.2.2); a `vp_token` carries it in base64url.
    pub fn finish(self, signature: &Signature) -> Vec<u8> {
        let Selected { doc_type, issuer_signed } = self.selected;
        let mut response = Writer::with_capacity(issuer_signed.len() + 256);
        response.map(3).text("version").text("1.0").text("documents").array(1).map(3);
        response.text("docType").text(&doc_type).text("issuerSigned").raw(&issuer_signed);
        response.text("deviceSigned").map(2).text("nameSpaces").embedded(&NO_NAME_SPACES);
        response.text("deviceAuth").map(1).text("deviceSignature");
        response.array(4).bytes(&ES256).map(0).null().bytes(signature.as_bytes());
        response.text("status").unsigned(0);
        response.into_bytes()
    }
}
