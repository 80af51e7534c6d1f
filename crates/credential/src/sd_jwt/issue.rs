//! Issuing an SD-JWT VC.
//!
//! Written for the batch: the header with its certificate chain is encoded once for an issuer key, each claim's JSON
//! once for a batch; a copy then costs its salts, its digests and one signature.

use keys::encoding::b64url_encode_into;
use keys::jws::{EncodedHeader, Header, SigningInput};
use keys::{PublicKey, SignError, Signature, Signer, random, sha256};
use serde_json::Value;

use super::{NEVER_DISCLOSED, SD_ALG, TYP};

/// Bytes of a salt: 128 bits (RFC 9901 §9.3).
const SALT: usize = 16;

/// Why nothing was issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    #[error("the credential would end before it begins")]
    Validity,
    #[error("`{0}` is a name of the token itself, or given twice")]
    Name(String),
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Who issues, and under which key: all that does not change from copy to copy.
#[derive(Debug, Clone)]
pub struct Issuer {
    iss: String,
    iss_json: String,
    header: EncodedHeader,
}

impl Issuer {
    /// `iss`, the key's name `kid` and its chain (DER, leaf first, without the root).
    pub fn new(iss: &str, kid: &str, x5c: &[Vec<u8>]) -> Self {
        let header = Header::es256(TYP).with_kid(kid).with_x5c(x5c.to_vec());
        Self { iss: iss.to_owned(), iss_json: json(iss), header: EncodedHeader::new(&header) }
    }

    /// `iss` of its credentials.
    pub fn iss(&self) -> &str {
        &self.iss
    }
}

/// The claims of a holder, written as JSON once for all copies.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// `,"name":value` of each claim that is always told.
    always: String,
    /// `"name",value]` of each claim that may be withheld.
    selective: Vec<String>,
    names: Vec<String>,
    digests: usize,
}

impl Claims {
    /// No claims, and no decoys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Claims whose credential is padded with decoys to at least `digests` digests, so that their number does not tell
    /// which claims the holder lacks (RFC 9901 §4.2.5).
    pub fn with_digests(digests: usize) -> Self {
        Self { digests, ..Self::default() }
    }

    /// Adds a claim that every verifier sees.
    pub fn always(&mut self, name: &str, value: &Value) -> Result<(), IssueError> {
        self.take(name)?;
        self.always.push(',');
        self.always.push_str(&json(name));
        self.always.push(':');
        self.always.push_str(&value.to_string());
        Ok(())
    }

    /// Adds a claim that the holder may withhold.
    pub fn selective(&mut self, name: &str, value: &Value) -> Result<(), IssueError> {
        self.take(name)?;
        self.selective.push(format!("{},{value}]", json(name)));
        Ok(())
    }

    fn take(&mut self, name: &str) -> Result<(), IssueError> {
        let of_the_token =
            ["_sd", "_sd_alg", "...", "iat"].contains(&name) || NEVER_DISCLOSED.contains(&name);
        if of_the_token || self.names.iter().any(|taken| taken == name) {
            return Err(IssueError::Name(name.to_owned()));
        }
        self.names.push(name.to_owned());
        Ok(())
    }
}

/// Where the status of a credential is found (Token Status List §6.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatusClaim {
    /// The address of the status list.
    pub uri: String,
    /// The entry in that list, from 0.
    pub index: u64,
}

/// One copy to issue. Times in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Issuance<'a> {
    /// Who issues.
    pub issuer: &'a Issuer,
    /// The credential type.
    pub vct: &'a str,
    /// What is said of the holder.
    pub claims: &'a Claims,
    /// The holder's key for this copy (`cnf`).
    pub holder: &'a PublicKey,
    /// Where the status is found.
    pub status: Option<&'a StatusClaim>,
    /// `iat`: the start of the ISO week, where copies must look alike.
    pub issued_at: i64,
    /// `exp`: the first second at which it no longer holds.
    pub expires_at: i64,
}

/// A copy that only lacks its signature.
#[derive(Debug)]
pub struct Prepared {
    input: SigningInput,
    /// `~<disclosure>~…~`
    disclosures: String,
}

impl Prepared {
    /// The bytes to sign with ES256.
    pub fn as_bytes(&self) -> &[u8] {
        self.input.as_bytes()
    }

    /// The issued credential.
    pub fn finish(self, signature: &Signature) -> String {
        let mut token = self.input.finish(signature);
        token.push_str(&self.disclosures);
        token
    }
}

/// Issues one copy under fresh salts.
pub fn issue(issuance: &Issuance<'_>, signer: &dyn Signer) -> Result<String, IssueError> {
    let prepared = prepare(issuance)?;
    let signature = signer.sign(prepared.as_bytes())?;
    Ok(prepared.finish(&signature))
}

/// As [`issue`], for a key that signs elsewhere.
pub fn prepare(issuance: &Issuance<'_>) -> Result<Prepared, IssueError> {
    if issuance.expires_at <= issuance.issued_at {
        return Err(IssueError::Validity);
    }
    let (digests, disclosures) = conceal(issuance.claims);
    let payload = payload(issuance, &digests);
    Ok(Prepared { input: SigningInput::with(&issuance.issuer.header, payload.as_bytes()), disclosures })
}

/// The digests in the order of their text, which tells nothing of the order of the claims, and the disclosures.
fn conceal(claims: &Claims) -> (Vec<String>, String) {
    let count = claims.selective.len();
    let decoys = claims.digests.saturating_sub(count);
    let mut noise = vec![0; count * SALT + decoys * 32];
    random::fill(&mut noise);
    let (salts, decoy_noise) = noise.split_at(count * SALT);

    let mut digests: Vec<String> = Vec::with_capacity(count + decoys);
    let mut disclosures = String::with_capacity(count * 120 + 1);
    disclosures.push('~');
    let mut clear = String::with_capacity(128);
    for (salt, tail) in salts.chunks(SALT).zip(&claims.selective) {
        clear.clear();
        clear.push_str("[\"");
        b64url_encode_into(salt, &mut clear);
        clear.push_str("\",");
        clear.push_str(tail);
        let start = disclosures.len();
        b64url_encode_into(clear.as_bytes(), &mut disclosures);
        digests.push(digest(disclosures.get(start..).unwrap_or_default().as_bytes()));
        disclosures.push('~');
    }
    digests.extend(decoy_noise.chunks(32).map(digest));
    digests.sort_unstable();
    (digests, disclosures)
}

fn digest(of: &[u8]) -> String {
    keys::encoding::b64url_encode(&sha256(of))
}

fn payload(issuance: &Issuance<'_>, digests: &[String]) -> String {
    let mut out = String::with_capacity(512 + digests.len() * 46 + issuance.claims.always.len());
    out.push('{');
    if !digests.is_empty() {
        out.push_str("\"_sd\":[");
        for (at, digest) in digests.iter().enumerate() {
            out.push_str(if at == 0 { "\"" } else { ",\"" });
            out.push_str(digest);
            out.push('"');
        }
        out.push_str("],\"_sd_alg\":\"");
        out.push_str(SD_ALG);
        out.push_str("\",");
    }
    let [_, point @ ..] = issuance.holder.as_sec1();
    let (x, y) = point.split_at(32);
    out.push_str("\"cnf\":{\"jwk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
    b64url_encode_into(x, &mut out);
    out.push_str("\",\"y\":\"");
    b64url_encode_into(y, &mut out);
    out.push_str("\"}},\"exp\":");
    out.push_str(&issuance.expires_at.to_string());
    out.push_str(",\"iat\":");
    out.push_str(&issuance.issued_at.to_string());
    out.push_str(",\"iss\":");
    out.push_str(&issuance.issuer.iss_json);
    if let Some(status) = issuance.status {
        out.push_str(",\"status\":{\"status_list\":{\"idx\":");
        out.push_str(&status.index.to_string());
        out.push_str(",\"uri\":");
        out.push_str(&json(&status.uri));
        out.push_str("}}");
    }
    out.push_str(",\"vct\":");
    out.push_str(&json(issuance.vct));
    out.push_str(&issuance.claims.always);
    out.push('}');
    out
}

fn json(text: &str) -> String {
    Value::from(text).to_string()
}
