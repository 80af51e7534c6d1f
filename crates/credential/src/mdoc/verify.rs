//! Whether a presented document holds: one total function, under the same [`Policy`], with the same [`Refusal`]s and
//! the same [`Verified`] as [`crate::verify`].
//!
//! Order of the checks: form and digests, type, issuer's chain, accreditation, signature, validity, holder binding,
//! status, elements. Nonce and verifier are in the session transcript that the device key signs: an answer to another
//! request is refused as [`Refusal::HolderBindingSignature`], for nothing in it tells the two apart. The signature
//! carries no time either, so that `max_age` of the policy has nothing to say: the nonce must be fresh.

use ciborium::Value;
use coset::{AsCborValue, CoseSign1};
use keys::PublicKey;

use super::cbor::{Members, encoded, parse, unsigned};
use super::item::IssuerSigned;
use super::{MAX_DOCUMENT, MdocError, SessionTranscript};
use crate::CLOCK_SKEW;
use crate::cose::{is_es256, verifies};
use crate::sd_jwt::StatusClaim;
use crate::status_list::week::Week;
use crate::trust::{Origin, TrustSource};
use crate::verify::{
    AcceptedTypes, ChainCache, Freshness, HolderBinding, Policy, Refusal, StatusSource, StatusVerdict,
    Verified, VerifiedIssuer, Waiver, check_status,
};

/// What was presented, and what it must be bound to.
#[derive(Debug, Clone, Copy)]
pub struct PresentationInput<'a> {
    /// The `DeviceResponse`, with one document.
    pub response: &'a [u8],
    /// The transcript as the verifier knows it.
    pub transcript: &'a SessionTranscript,
}

/// Verifies a presentation. `now` in seconds since 1970.
pub fn verify(
    input: &PresentationInput<'_>,
    policy: &Policy,
    trust: &dyn TrustSource,
    status: &dyn StatusSource,
    chains: &ChainCache,
    now: i64,
) -> Result<Verified, Refusal> {
    let document = Document::parse(input.response)?;
    let issuer = check_issued(&document.issuer_signed, &policy.types, trust, chains, now)?;
    let mut waived = policy.waivers();
    if let HolderBinding::Required { .. } = policy.holder_binding {
        document.check_binding(input.transcript)?;
    }
    let mso = &document.issuer_signed.mso;
    let verdict = check_status(mso.status.as_ref(), &policy.status, status, now)?;
    match verdict {
        StatusVerdict::Unknown => waived.push(Waiver::UnknownStatus),
        StatusVerdict::Absent => waived.push(Waiver::AbsentStatus),
        StatusVerdict::Valid { .. } | StatusVerdict::NotChecked => {}
    }
    let claims = document.issuer_signed.dangerous_claims();
    if let Some(path) = policy.required.iter().find(|path| path.select(claims).is_err()) {
        return Err(Refusal::ClaimMissing(path.clone()));
    }
    Ok(into_verified(document.issuer_signed, issuer, verdict, trust, now, waived))
}

/// The issuer's certificates in a device response, leaf first, as if they held: for comparing a presentation that verified
/// with the authorities that were asked for.
pub fn dangerous_chain(response: &[u8]) -> Option<Vec<Vec<u8>>> {
    Document::parse(response).ok()?.issuer_signed.x5chain()
}

/// Where the status of the document in a device response is found, as if it held: for having the list before it is judged.
pub fn dangerous_status(response: &[u8]) -> Option<StatusClaim> {
    Document::parse(response).ok()?.issuer_signed.dangerous_status().cloned()
}

/// Verifies a document that an issuer just sent: all but status and elements, and that it is for `holder`.
pub fn verify_received(
    issuer_signed: &[u8],
    holder: &PublicKey,
    types: &AcceptedTypes,
    trust: &dyn TrustSource,
    chains: &ChainCache,
    now: i64,
) -> Result<Verified, Refusal> {
    let document = IssuerSigned::parse(issuer_signed)?;
    let issuer = check_issued(&document, types, trust, chains, now)?;
    if document.mso.device_key != *holder {
        return Err(Refusal::HolderBindingSignature);
    }
    let mut waived = vec![Waiver::HolderBinding, Waiver::Status];
    if matches!(types, AcceptedTypes::Any) {
        waived.push(Waiver::Type);
    }
    Ok(into_verified(document, issuer, StatusVerdict::NotChecked, trust, now, waived))
}

fn into_verified(
    document: IssuerSigned,
    issuer: VerifiedIssuer,
    status: StatusVerdict,
    trust: &dyn TrustSource,
    now: i64,
    waived: Vec<Waiver>,
) -> Verified {
    let mso = document.mso.clone();
    Verified {
        issuer,
        vct: mso.doc_type,
        aka_vcts: Vec::new(),
        claims: document.into_claims(),
        holder: Some(mso.device_key),
        issued_at: Some(mso.signed),
        expires_at: Some(mso.valid_until),
        status_claim: mso.status,
        freshness: Freshness {
            status,
            trust: now.saturating_sub(trust.issued_at()).max(0),
            holder_binding: None,
        },
        waived,
    }
}

/// §9.3.1: chain, signature, type and times.
fn check_issued(
    document: &IssuerSigned,
    types: &AcceptedTypes,
    trust: &dyn TrustSource,
    chains: &ChainCache,
    now: i64,
) -> Result<VerifiedIssuer, Refusal> {
    let mso = &document.mso;
    if !types.take(&mso.doc_type, &[]) {
        return Err(Refusal::WrongType);
    }
    if now >= trust.expires_at() {
        return Err(Refusal::TrustStale);
    }
    let x5chain = document.x5chain().ok_or(Refusal::IssuerChain)?;
    let signer = chains.check(&x5chain, trust, now)?;
    let origin = Origin { jkt: &signer.jkt, issuer: None, vct: &mso.doc_type, issued_at: Some(mso.signed) };
    let name = trust.judge(&origin)?;
    if !verifies(&signer.key, &document.auth.signature, &document.auth.tbs_data(&[])) {
        return Err(Refusal::IssuerSignature);
    }
    let latest = now.saturating_add(CLOCK_SKEW);
    if mso.signed > latest || mso.valid_from > latest {
        return Err(Refusal::NotYetValid);
    }
    if now >= mso.valid_until {
        return Err(Refusal::Expired);
    }
    // `signed` is cut to the start of its week: a copy of the certificate's first week is younger than it says.
    let (from, until) = signer.validity;
    if mso.signed < Week::of(from).start() || mso.signed > until {
        return Err(Refusal::IssuerRetired);
    }
    Ok(VerifiedIssuer { iss: None, name, jkt: signer.jkt.clone() })
}

/// The one document of a `DeviceResponse` (§8.3.2.1.2.2).
struct Document {
    issuer_signed: IssuerSigned,
    device_signed: Option<DeviceSigned>,
}

struct DeviceSigned {
    /// The CBOR within tag 24.
    name_spaces: Vec<u8>,
    /// `None` where the device sent a MAC, which our profile does not take.
    signature: Option<CoseSign1>,
}

impl Document {
    fn parse(response: &[u8]) -> Result<Self, Refusal> {
        if response.len() > MAX_DOCUMENT {
            return Err(Refusal::TooLarge);
        }
        let mut response = Members::of(parse(response)?)?;
        let version = response.text("version")?;
        let status = response.take("status").as_ref().and_then(unsigned);
        if !version.starts_with("1.") || status != Some(0) || response.take("documentErrors").is_some() {
            return Err(Refusal::Malformed);
        }
        let documents = response.must("documents")?.into_array().map_err(|_| Refusal::Malformed)?;
        let [document]: [Value; 1] = documents.try_into().map_err(|_| Refusal::Malformed)?;
        let mut document = Members::of(document)?;
        let issuer_signed = IssuerSigned::from_value(document.must("issuerSigned")?)?;
        // What stands outside of the signature must not say otherwise.
        if document.text("docType")? != issuer_signed.doc_type() {
            return Err(Refusal::WrongType);
        }
        let device_signed = document.take("deviceSigned").map(DeviceSigned::read).transpose()?;
        Ok(Self { issuer_signed, device_signed })
    }

    fn check_binding(&self, transcript: &SessionTranscript) -> Result<(), Refusal> {
        let signed = self.device_signed.as_ref().ok_or(Refusal::HolderBindingMissing)?;
        let sign1 = signed.signature.as_ref().filter(|sign1| is_es256(sign1)).ok_or(Refusal::Algorithm)?;
        // What is signed is known to both and not sent (§9.1.3.6).
        if sign1.payload.is_some() {
            return Err(Refusal::Malformed);
        }
        let mso = &self.issuer_signed.mso;
        let authentication = transcript.device_authentication(&mso.doc_type, &signed.name_spaces);
        let input = sign1.tbs_detached_data(authentication.as_bytes(), &[]);
        if !verifies(&mso.device_key, &sign1.signature, &input) {
            return Err(Refusal::HolderBindingSignature);
        }
        Ok(())
    }
}

impl DeviceSigned {
    fn read(value: Value) -> Result<Self, Refusal> {
        let mut members = Members::of(value)?;
        let name_spaces = encoded(members.must("nameSpaces")?)?;
        let added = parse(&name_spaces)?.into_map().map_err(|_| Refusal::Malformed)?;
        if !added.is_empty() {
            return Err(Refusal::HolderClaims);
        }
        let mut auth = Members::of(members.must("deviceAuth")?)?;
        let signature = match (auth.take("deviceSignature"), auth.take("deviceMac")) {
            (Some(sign1), None) => Some(CoseSign1::from_cbor_value(sign1).map_err(|_| MdocError::Malformed)?),
            (None, Some(_)) => None,
            _ => return Err(Refusal::Malformed),
        };
        Ok(Self { name_spaces, signature })
    }
}
