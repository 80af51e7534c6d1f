//! The session transcript: which verifier and which request a presentation answers (§9.1.5.1).

use keys::encoding::b64url_decode_array;
use keys::{PublicKey, sha256};

use super::cbor::Writer;

/// An encoded `SessionTranscript` of a meeting face to face, or one whose handover names the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTranscript(Vec<u8>);

impl SessionTranscript {
    /// A request by redirect or QR code (OpenID4VP 1.0 §B.2.6.1). `encryption_key`: the verifier's key to which the
    /// answer is encrypted, if it is. `response_uri`: that, or the `redirect_uri`.
    pub fn openid4vp(
        client_id: &str,
        nonce: &str,
        encryption_key: Option<&PublicKey>,
        response_uri: &str,
    ) -> Self {
        let mut info = Writer::with_capacity(256);
        info.array(4).text(client_id).text(nonce);
        thumbprint(&mut info, encryption_key).text(response_uri);
        Self::of("OpenID4VPHandover", &info)
    }

    /// A request by the Digital Credentials API (OpenID4VP 1.0 §B.2.6.2). `origin`: the page's, without `origin:`.
    pub fn dc_api(origin: &str, nonce: &str, encryption_key: Option<&PublicKey>) -> Self {
        let mut info = Writer::with_capacity(256);
        info.array(3).text(origin).text(nonce);
        thumbprint(&mut info, encryption_key);
        Self::of("OpenID4VPDCAPIHandover", &info)
    }

    /// A meeting face to face that began with a QR code (ISO/IEC 18013-5 §9.1.5.1): the engagement and the reader's key as
    /// they were sent, and no handover.
    pub(super) fn in_person(engagement: &[u8], reader_key: &[u8]) -> Self {
        let mut transcript = Writer::with_capacity(engagement.len() + reader_key.len() + 16);
        transcript.array(3).embedded(engagement).embedded(reader_key).null();
        Self(transcript.into_bytes())
    }

    /// `SessionTranscriptBytes` (§9.1.1.5), over which the session's keys are derived.
    pub(super) fn embedded(&self) -> Vec<u8> {
        let mut wrapped = Writer::with_capacity(self.0.len() + 8);
        wrapped.embedded(&self.0);
        wrapped.into_bytes()
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    fn of(handover: &str, info: &Writer) -> Self {
        let mut transcript = Writer::with_capacity(64);
        transcript.array(3).null().null();
        transcript.array(2).text(handover).bytes(&sha256(info.as_bytes()));
        Self(transcript.into_bytes())
    }

    /// The CBOR.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `DeviceAuthenticationBytes` (§9.1.3.4): what the device key signs, detached.
    pub(super) fn device_authentication(&self, doc_type: &str, device_name_spaces: &[u8]) -> Writer {
        let mut authentication = Writer::with_capacity(128);
        authentication.array(4).text("DeviceAuthentication").raw(&self.0).text(doc_type);
        authentication.embedded(device_name_spaces);
        let mut wrapped = Writer::with_capacity(authentication.as_bytes().len() + 8);
        wrapped.embedded(authentication.as_bytes());
        wrapped
    }
}

/// The RFC 7638 thumbprint as a byte string, or null.
fn thumbprint<'w>(out: &'w mut Writer, key: Option<&PublicKey>) -> &'w mut Writer {
    match key.map(|key| b64url_decode_array::<32>(&key.thumbprint())) {
        Some(Ok(thumbprint)) => out.bytes(&thumbprint),
        // A thumbprint always is 32 bytes in base64url.
        Some(Err(_)) | None => out.null(),
    }
}
