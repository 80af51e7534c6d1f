//! Showing the badge to a person whose reader is before the holder: ISO/IEC 18013-5 over a WebSocket.
//!
//! ```text
//! Meeting::new(address) ── its QR is shown ── the reader's first message ──▶ Wallet::meet ──▶ [`AskedInPerson`]
//!                       ── the person decides ──▶ Wallet::answer_in_person ──▶ the message to send
//! ```
//!
//! The shell carries messages between the WebSocket and here; it can read none of them.

use credential::mdoc::in_person::{
    DeviceRequest, End, Engagement, InPersonError, ReaderAuthentication, Session,
};
use credential::path::{ClaimPath, Step};
use keys::SecretKey;
use keys::x509::{Purpose, verify_chain};
use serde::Serialize;

use super::{AskedClaim, PresentError};
use crate::document::Document;
use crate::issue::{Holding, is_reserved};
use crate::ports::{Clock as _, DeviceKey as _, Shell};
use crate::usage::{self, Act};
use crate::wallet::Wallet;

/// How a reader is named in the history that nobody certified.
const UNKNOWN_READER: &str = "in-person";

/// What the phone shows, and the key that belongs to it. For one meeting.
#[derive(Debug)]
pub struct Meeting {
    key: SecretKey,
    engagement: Engagement,
}

impl Meeting {
    /// A meeting that is answered at this WebSocket.
    pub fn new(websocket: &str) -> Self {
        let key = SecretKey::generate();
        let engagement = Engagement::new(key.public_key(), websocket);
        Self { key, engagement }
    }

    /// The text of the QR code.
    pub fn qr(&self) -> String {
        self.engagement.qr()
    }
}

/// What the person decides about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InPersonConsent {
    /// The name in the reader's certificate, where a trusted root vouches for it. Else nobody but the person before you
    /// knows who asks.
    pub reader: Option<String>,
    /// The holding that answers.
    pub holding: String,
    /// What was asked for and is held; `required` is true for what the reader says it will keep.
    pub claims: Vec<AskedClaim>,
    /// Names of elements the reader says it will keep.
    pub kept: Vec<String>,
    /// Copies that were never shown.
    pub unused_copies: usize,
}

/// A request that came in a meeting. It can be answered once.
#[derive(Debug)]
pub struct AskedInPerson {
    session: Session,
    consent: InPersonConsent,
}

impl AskedInPerson {
    /// What the person has to be shown.
    pub fn consent(&self) -> &InPersonConsent {
        &self.consent
    }

    /// The message that ends the meeting where the person says no.
    pub fn declined(&self) -> Vec<u8> {
        End::Termination.message()
    }
}

/// An answer on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredInPerson {
    /// The message to send; it ends the meeting.
    pub message: Vec<u8>,
    /// Claims that are told.
    pub claims: Vec<String>,
    /// Whether a copy is shown a second time.
    pub reused_copy: bool,
}

impl<S: Shell> Wallet<S> {
    /// Reads the reader's first message. An error's message to send back is [`ending`].
    pub fn meet(&self, meeting: &Meeting, message: &[u8]) -> Result<AskedInPerson, PresentError> {
        let (session, request) = Session::accept(&meeting.engagement, &meeting.key, message)?;
        let request = DeviceRequest::parse(&request, session.transcript())?;
        // One document answers: the first asked for that is held.
        for wanted in &request.documents {
            let named = |holding: &&Holding| holding.format == "mso_mdoc" && holding.vct == wanted.doc_type;
            let Some(holding) = self.state().holdings.iter().find(named) else { continue };
            let held = self.claims_of(holding)?;
            let (mut claims, mut kept) = (Vec::new(), Vec::new());
            for one in &wanted.elements {
                let steps = vec![Step::Key(one.name_space.clone()), Step::Key(one.element.clone())];
                let Ok(path) = ClaimPath::new(steps) else { continue };
                let value = match path.select(&held) {
                    Ok(found) if !is_reserved(holding, &path) => found.first().map(|value| (*value).clone()),
                    _ => None,
                };
                let Some(value) = value else { continue };
                let label = |language: &str| match &holding.type_info {
                    Some(info) => info.label(&path, language),
                    None => one.element.clone(),
                };
                if one.intent_to_retain {
                    kept.push(path.to_string());
                }
                claims.push(AskedClaim {
                    label_ko: label("ko"),
                    label_en: label("en"),
                    required: true,
                    value,
                    path,
                });
            }
            if claims.is_empty() {
                continue;
            }
            let consent = InPersonConsent {
                reader: wanted.reader.as_ref().and_then(|reader| self.name_of(reader)),
                holding: holding.id.clone(),
                claims,
                kept,
                unused_copies: holding.unused(self.shell().clock().now_s()),
            };
            return Ok(AskedInPerson { session, consent });
        }
        Err(PresentError::NoMatch { unmet: Vec::new() })
    }

    fn name_of(&self, reader: &ReaderAuthentication) -> Option<String> {
        let now = self.shell().clock().now_s();
        let leaf = verify_chain(&reader.chain, &self.anchors(), now, Purpose::Verifier).ok()?;
        leaf.subject_common_name().map(str::to_owned)
    }

    /// Tells everything that was asked for. The copy counts as shown from now on.
    pub async fn answer_in_person(
        &mut self,
        mut asked: AskedInPerson,
        allow_reuse: bool,
    ) -> Result<AnsweredInPerson, PresentError> {
        let broken = PresentError::Protocol("a copy that can't be shown");
        let now = self.shell().clock().now_s();
        let holding = self.holding(&asked.consent.holding).ok_or(PresentError::Choice)?;
        let at = holding.next_copy(now).ok_or(PresentError::Expired)?;
        let copy = holding.copies.get(at).ok_or(PresentError::Expired)?;
        let reused_copy = copy.shown > 0;
        if reused_copy && !allow_reuse {
            return Err(PresentError::NoFreshCopy);
        }
        let Some(Document::Mdoc(document)) = Document::of(holding, copy) else { return Err(broken) };
        let paths: Vec<ClaimPath> = asked.consent.claims.iter().map(|claim| claim.path.clone()).collect();
        let selected = document.select(&paths).map_err(|_| broken)?;
        let bound = selected.device_authentication(asked.session.transcript());
        let signing = self.signing(&copy.key, document.dangerous_device_key().clone());
        let signature = signing.sign(bound.as_bytes()).await?;
        let message = asked.session.seal(&bound.finish(&signature), true)?;
        let claims: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let party = asked.consent.reader.clone();
        let act = Act::Presented { claims: claims.clone(), reused_copy, login: false, origin: None };
        let verified = party.is_some();
        let record = self.usage_record(party.unwrap_or_else(|| UNKNOWN_READER.to_owned()), verified, act);
        let id = asked.consent.holding;
        self.update(|state| {
            let held = state.holdings.iter_mut().find(|held| held.id == id);
            if let Some(copy) = held.and_then(|held| held.copies.get_mut(at)) {
                copy.shown = copy.shown.saturating_add(1);
            }
            usage::record(&mut state.usage, record);
        })
        .await?;
        Ok(AnsweredInPerson { message, claims, reused_copy })
    }
}

/// What the reader is told where its first message was no good.
pub fn ending(error: &PresentError) -> Vec<u8> {
    let end = match error {
        PresentError::InPerson(InPersonError::Encryption) => End::Encryption,
        PresentError::InPerson(InPersonError::Message) => End::Decoding,
        _ => End::Termination,
    };
    end.message()
}
