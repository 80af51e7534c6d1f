//! Issuing a document.
//!
//! Written for the batch, as [`sd_jwt`](crate::sd_jwt) is: the header with its certificates and each element's value
//! are encoded once; a copy then costs its salts, its digests and one signature.

use ciborium::Value;
use keys::{PublicKey, SignError, Signature, Signer, random, sha256};

use super::cbor::{DATE_TIME, Writer, parse, to_json};
use super::mso::{DIGEST_ALGORITHM, VERSION, moment_text, write_cose_key};
use super::{MAX_DIGESTS, MAX_ELEMENTS};
use crate::cose::{ES256, X5CHAIN};
use crate::sd_jwt::StatusClaim;

/// Bytes of a salt; §9.1.2.5 asks for 16 at least.
const SALT: usize = 16;
/// Bytes of randomness that decide the place of one digest among the others.
const LOT: usize = 8;

/// Why nothing was issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    #[error("the document would end before it begins, or at no day of the calendar")]
    Validity,
    #[error("the element `{0}` is given twice, or its value has no form in a document")]
    Element(String),
    #[error("the document has too many elements")]
    TooMany,
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Who issues: the certificates, all that does not change from copy to copy.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The unprotected header.
    header: Writer,
}

impl Issuer {
    /// The chain of the key that signs (DER, leaf first, without the root).
    pub fn new(x5chain: &[Vec<u8>]) -> Self {
        let mut header = Writer::default();
        match x5chain {
            [] => header.map(0),
            [leaf] => header.map(1).integer(X5CHAIN).bytes(leaf),
            many => {
                header.map(1).integer(X5CHAIN).array(many.len());
                many.iter().fold(&mut header, |header, der| header.bytes(der))
            }
        };
        Self { header }
    }
}

/// What is said of the holder, encoded once for all copies.
#[derive(Debug, Clone, Default)]
pub struct Elements {
    name_spaces: Vec<(String, Vec<Element>)>,
    digests: usize,
}

#[derive(Debug, Clone)]
struct Element {
    name: String,
    /// The value's CBOR.
    value: Vec<u8>,
}

impl Elements {
    /// No elements, and no decoys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Elements whose document is padded with decoys to at least `digests` digests in each namespace, so that their
    /// number does not tell which elements the holder lacks.
    pub fn with_digests(digests: usize) -> Self {
        Self { digests: digests.min(MAX_ELEMENTS), ..Self::default() }
    }

    /// Adds an element. Its value needs a JSON form: text, integers, booleans, bytes, dates, lists and maps of them.
    pub fn add(&mut self, name_space: &str, name: &str, value: &Value) -> Result<(), IssueError> {
        let refused = || IssueError::Element(name.to_owned());
        let mut encoded = Writer::default();
        encoded.value(value);
        let read = parse(encoded.as_bytes()).map_err(|_| refused())?;
        to_json(&read).map_err(|_| refused())?;
        if self.name_spaces.iter().map(|(_, elements)| elements.len()).sum::<usize>() >= MAX_ELEMENTS {
            return Err(IssueError::TooMany);
        }
        let element = Element { name: name.to_owned(), value: encoded.into_bytes() };
        match self.name_spaces.iter_mut().find(|(known, _)| known == name_space) {
            Some((_, elements)) if elements.iter().any(|known| known.name == name) => return Err(refused()),
            Some((_, elements)) => elements.push(element),
            None => self.name_spaces.push((name_space.to_owned(), vec![element])),
        }
        Ok(())
    }
}

/// One copy to issue. Times in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Issuance<'a> {
    /// Who issues.
    pub issuer: &'a Issuer,
    /// The document type.
    pub doc_type: &'a str,
    /// What is said of the holder.
    pub elements: &'a Elements,
    /// The holder's key for this copy.
    pub device_key: &'a PublicKey,
    /// Where the status is found.
    pub status: Option<&'a StatusClaim>,
    /// `signed` and `validFrom`: the start of the ISO week, where copies must look alike. The issuer's certificate
    /// must hold at that second already (§9.3.1).
    pub issued_at: i64,
    /// `validUntil`: the first second at which it no longer holds.
    pub expires_at: i64,
}

/// A copy that only lacks its signature.
#[derive(Debug)]
pub struct Prepared {
    /// The `Sig_structure`.
    input: Writer,
    /// `IssuerSigned` up to the signature.
    document: Writer,
}

impl Prepared {
    /// The bytes to sign with ES256.
    pub fn as_bytes(&self) -> &[u8] {
        self.input.as_bytes()
    }

    /// The issued document, `IssuerSigned` (OpenID4VCI 1.0 §A.2.4 carries it in base64url).
    pub fn finish(mut self, signature: &Signature) -> Vec<u8> {
        self.document.bytes(signature.as_bytes());
        self.document.into_bytes()
    }
}

/// Issues one copy under fresh salts.
pub fn issue(issuance: &Issuance<'_>, signer: &dyn Signer) -> Result<Vec<u8>, IssueError> {
    let prepared = prepare(issuance)?;
    let signature = signer.sign(prepared.as_bytes())?;
    Ok(prepared.finish(&signature))
}

/// As [`issue`], for a key that signs elsewhere.
pub fn prepare(issuance: &Issuance<'_>) -> Result<Prepared, IssueError> {
    if issuance.expires_at <= issuance.issued_at {
        return Err(IssueError::Validity);
    }
    let name_spaces = &issuance.elements.name_spaces;
    let mut document = Writer::with_capacity(4096);
    let mut value_digests = Writer::with_capacity(1024);
    document.map(2).text("nameSpaces").map(name_spaces.len());
    value_digests.map(name_spaces.len());
    let mut total = 0_usize;
    for (name, elements) in name_spaces {
        let count = elements.len().max(issuance.elements.digests);
        total = total.saturating_add(count);
        document.text(name).array(elements.len());
        value_digests.text(name).map(count);
        conceal(elements, count, &mut document, &mut value_digests);
    }
    if total > MAX_DIGESTS {
        return Err(IssueError::TooMany);
    }
    let mso = security_object(issuance, &value_digests)?;
    let mut payload = Writer::with_capacity(mso.as_bytes().len() + 8);
    payload.embedded(mso.as_bytes());

    document.text("issuerAuth").array(4).bytes(&ES256).raw(issuance.issuer.header.as_bytes());
    document.bytes(payload.as_bytes());
    Ok(Prepared { input: to_be_signed(payload.as_bytes()), document })
}

/// The `Sig_structure` of a COSE_Sign1 by ES256 over this payload (RFC 9052 §4.4).
pub(super) fn to_be_signed(payload: &[u8]) -> Writer {
    let mut input = Writer::with_capacity(payload.len() + 32);
    input.array(4).text("Signature1").bytes(&ES256).bytes(&[]).bytes(payload);
    input
}

/// Writes the elements of a namespace, and `count` digests: theirs under numbers drawn by lot, which tell nothing of
/// their order, and decoys for the rest.
fn conceal(elements: &[Element], count: usize, document: &mut Writer, digests: &mut Writer) {
    let mut noise = vec![0; count * (LOT + SALT)];
    random::fill(&mut noise);
    let (lots, salts) = noise.split_at(count * LOT);
    let mut places: Vec<(&[u8], usize)> = lots.chunks(LOT).zip(0..).collect();
    places.sort_unstable();
    let mut ids = vec![0_u64; count];
    for ((_, owner), id) in places.iter().zip(0_u64..) {
        if let Some(place) = ids.get_mut(*owner) {
            *place = id;
        }
    }
    let mut elements = elements.iter();
    let mut signed: Vec<(u64, [u8; 32])> = Vec::with_capacity(count);
    let mut item = Writer::with_capacity(256);
    let mut wrapped = Writer::with_capacity(256);
    for (id, salt) in ids.iter().zip(salts.chunks(SALT)) {
        let Some(element) = elements.next() else {
            signed.push((*id, sha256(salt)));
            continue;
        };
        item.clear();
        item.map(4).text("digestID").unsigned(*id).text("random").bytes(salt);
        item.text("elementIdentifier").text(&element.name).text("elementValue").raw(&element.value);
        wrapped.clear();
        wrapped.embedded(item.as_bytes());
        signed.push((*id, sha256(wrapped.as_bytes())));
        document.raw(wrapped.as_bytes());
    }
    signed.sort_unstable();
    for (id, digest) in &signed {
        digests.unsigned(*id).bytes(digest);
    }
}

fn security_object(issuance: &Issuance<'_>, value_digests: &Writer) -> Result<Writer, IssueError> {
    let moment = |seconds| moment_text(seconds).ok_or(IssueError::Validity);
    let (from, until) = (moment(issuance.issued_at)?, moment(issuance.expires_at)?);
    let mut mso = Writer::with_capacity(value_digests.as_bytes().len() + 512);
    mso.map(if issuance.status.is_some() { 7 } else { 6 });
    mso.text("version").text(VERSION).text("digestAlgorithm").text(DIGEST_ALGORITHM);
    mso.text("valueDigests").raw(value_digests.as_bytes());
    mso.text("deviceKeyInfo").map(1).text("deviceKey");
    write_cose_key(&mut mso, issuance.device_key);
    mso.text("docType").text(issuance.doc_type);
    mso.text("validityInfo").map(3);
    for (name, moment) in [("signed", &from), ("validFrom", &from), ("validUntil", &until)] {
        mso.text(name).tag(DATE_TIME).text(moment);
    }
    if let Some(status) = issuance.status {
        mso.text("status").map(1).text("status_list").map(2);
        mso.text("idx").unsigned(status.index).text("uri").text(&status.uri);
    }
    Ok(mso)
}
