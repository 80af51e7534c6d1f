//! Looking at one's own credential as a verifier would: signature, key binding and status.

use std::sync::Arc;

use credential::mdoc::{self, SessionTranscript};
use credential::sd_jwt::KeyBinding;
use credential::status_list::verify_jwt;
use credential::trust::Anchor;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, PresentationInput, Refusal, StatusAnswer, StatusRule,
    StatusSource, StatusVerdict, Unproven, verify,
};
use serde::Serialize;

use crate::document::Document;
use crate::ports::{Clock as _, DeviceKey as _, Http as _, Request, Shell};
use crate::wallet::Wallet;

/// Audience of the presentation that never leaves the phone.
const AUDIENCE: &str = "self-check";

/// How old a status list may be (seconds): as long as one of ours may be used at all.
const MAX_STATUS_AGE: i64 = 48 * 3600;

/// What a status list says of one's own credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnStatus {
    /// It holds.
    Valid,
    /// Suspended for now.
    Suspended,
    /// Ended for good.
    Revoked,
    /// The list can't be had.
    Unknown,
    /// The credential names no list.
    Absent,
}

/// An entry of a status list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListEntry {
    pub uri: String,
    pub index: u64,
}

/// A credential looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Whether a known issuer signed it and it is good now.
    pub issuer_signature: bool,
    /// Whether this phone proved that it holds the credential's key.
    pub key_binding: bool,
    /// What its status list says.
    pub status: OwnStatus,
    /// Age of the status list in seconds.
    pub status_age_s: Option<i64>,
    /// Which entry of which list that is.
    pub status_list: Option<ListEntry>,
    /// Why it would be refused, as a stable code.
    pub refusal: Option<&'static str>,
}

impl<S: Shell> Wallet<S> {
    /// Verifies the next copy of a holding, with a presentation made for nobody; the copy does not count as shown.
    /// `None` if there is no copy that could be shown.
    pub async fn check(&self, holding: &str) -> Option<Checked> {
        let now = self.shell().clock().now_s();
        let holding = self.holding(holding)?;
        let copy = holding.copies.get(holding.next_copy(now)?)?;
        let document = Document::of(holding, copy)?;
        let (holder, entry) = (document.holder_key()?, document.status());
        let nonce = keys::random::token();
        let signing = self.signing(&copy.key, holder);
        let made = match document {
            Document::SdJwt(token) => {
                let bound = token.select(&[]).ok()?.key_binding(&KeyBinding {
                    nonce: &nonce,
                    audience: AUDIENCE,
                    issued_at: now,
                    transaction_data_hashes: &[],
                });
                let signature = signing.sign(bound.as_bytes()).await.ok()?;
                Presentation::SdJwt(bound.finish(&signature))
            }
            Document::Mdoc(document) => {
                let transcript = SessionTranscript::openid4vp(AUDIENCE, &nonce, None, AUDIENCE);
                let bound = document.select(&[]).ok()?.device_authentication(&transcript);
                let signature = signing.sign(bound.as_bytes()).await.ok()?;
                Presentation::Mdoc { response: bound.finish(&signature), transcript }
            }
        };

        let anchors = self.anchors();
        let list = match &entry {
            Some(claim) => self.status_list(&claim.uri, &anchors, now).await,
            None => StatusAnswer::Unavailable,
        };
        let status_list = entry.map(|claim| ListEntry { uri: claim.uri, index: claim.index });
        let accredited = match self.trust_list(&holding.issuer).await {
            Ok(accredited) => accredited,
            // Without a network the roots have to do.
            Err(error) if error.is_away() => None,
            Err(_) => return Some(Checked { status_list, ..refused(&Refusal::TrustStale) }),
        };
        let trust = self.holder_trust(accredited, &holding.issuer, vec![holding.vct.clone()]);
        let policy = Policy {
            types: AcceptedTypes::OneOf(vec![holding.vct.clone()]),
            required: Vec::new(),
            holder_binding: HolderBinding::Required { max_age: 60 },
            status: StatusRule::Checked {
                max_age: MAX_STATUS_AGE,
                unknown: Unproven::Accept,
                absent: Unproven::Accept,
            },
        };
        let (list, chains) = (OneList(list), ChainCache::new(0));
        let verified = match &made {
            Presentation::SdJwt(presentation) => {
                let input = PresentationInput {
                    presentation,
                    nonce: &nonce,
                    audience: AUDIENCE,
                    transaction_data_hashes: &[],
                };
                trust.judge(|trust| verify(&input, &policy, trust, &list, &chains, now))
            }
            Presentation::Mdoc { response, transcript } => {
                let input = mdoc::PresentationInput { response, transcript };
                trust.judge(|trust| mdoc::verify(&input, &policy, trust, &list, &chains, now))
            }
        };
        let checked = match verified {
            Ok(verified) => {
                let (status, status_age_s) = match verified.freshness.status {
                    StatusVerdict::Valid { age } => (OwnStatus::Valid, Some(age)),
                    StatusVerdict::Absent => (OwnStatus::Absent, None),
                    StatusVerdict::Unknown | StatusVerdict::NotChecked => (OwnStatus::Unknown, None),
                };
                Checked {
                    issuer_signature: true,
                    key_binding: true,
                    status,
                    status_age_s,
                    status_list: None,
                    refusal: None,
                }
            }
            Err(refusal) => refused(&refusal),
        };
        Some(Checked { status_list, ..checked })
    }

    async fn status_list(&self, uri: &str, anchors: &[keys::x509::Certificate], now: i64) -> StatusAnswer {
        let request = Request { max_response: credential::status_list::MAX_TOKEN, ..Request::get(uri) };
        let request = request.header("accept", "application/statuslist+jwt");
        let Ok(response) = self.shell().http().send(request).await else { return StatusAnswer::Unavailable };
        if !response.is_success() {
            return StatusAnswer::Unavailable;
        }
        let Ok(text) = std::str::from_utf8(&response.body) else { return StatusAnswer::Corrupt };
        match verify_jwt(text.trim(), uri, Anchor::Roots(anchors), now) {
            Ok(list) => StatusAnswer::List(Arc::new(list)),
            Err(_) => StatusAnswer::Corrupt,
        }
    }
}

/// Status is judged after signature and key binding: a refusal for its sake says that those hold.
fn refused(refusal: &Refusal) -> Checked {
    let (holds, status) = match refusal {
        Refusal::Suspended => (true, OwnStatus::Suspended),
        Refusal::Revoked => (true, OwnStatus::Revoked),
        Refusal::StatusCorrupt => (true, OwnStatus::Unknown),
        _ => (false, OwnStatus::Unknown),
    };
    Checked {
        issuer_signature: holds,
        key_binding: holds,
        status,
        status_age_s: None,
        status_list: None,
        refusal: Some(refusal.code()),
    }
}

/// A presentation that never leaves the phone.
enum Presentation {
    SdJwt(String),
    Mdoc { response: Vec<u8>, transcript: SessionTranscript },
}

struct OneList(StatusAnswer);

impl StatusSource for OneList {
    fn list(&self, _uri: &str) -> StatusAnswer {
        self.0.clone()
    }
}
