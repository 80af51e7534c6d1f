//! The answer: approval, presentation, post.

use credential::mdoc::SessionTranscript;
use credential::path::ClaimPath;
use credential::sd_jwt::KeyBinding;
use keys::encoding::b64url_encode;
use keys::sha256;
use openid::Code;
use openid::approval::Level;
use openid::vp::{Acknowledgement, DirectPost, Refusal, VpToken};
use serde_json::Value;

use super::{Asked, AskedCredential, MAX_ANSWERED, PresentError};
use crate::document::Document;
use crate::issue::{TOP_UP_BELOW, error_code};
use crate::pin::Pin;
use crate::ports::{Clock as _, DeviceKey as _, Http as _, HttpError, KeyError, Request, Shell};
use crate::usage::{self, Act};
use crate::wallet::Wallet;

/// Longest answer of a verifier that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What the person decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice<'a> {
    /// Optional claims that were turned on, by path text (`rank`, `address.street`).
    pub claims: &'a [String],
    /// Everything that was asked for, optional or not.
    pub everything: bool,
    /// Optional credential queries that were turned on.
    pub credentials: &'a [String],
    /// Another holding for a query: `(query, holding)`. Several for one query where the verifier takes more than one.
    pub holdings: &'a [(String, String)],
    /// Whether a copy that was shown before may be shown again when no unused one is left.
    pub allow_reuse: bool,
    /// The number that the browser shows.
    pub number: Option<&'a str>,
    /// The PIN, where the login asks for it (or the holder wants the higher level).
    pub pin: Option<&'a Pin>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Where the browser on this same device goes on, if anywhere; holds a secret.
    pub redirect_uri: Option<String>,
    /// Claims that were told.
    pub claims: Vec<String>,
    /// Whether a copy was shown a second time.
    pub reused_copy: bool,
    /// Holdings that want a new batch of copies.
    pub top_up: Vec<String>,
    /// For a request of a page: the `data` to hand back to it. Nothing was sent anywhere.
    pub data: Option<Value>,
}

/// One presentation about to be made.
struct Showing {
    query: String,
    holding: String,
    copy: usize,
    paths: Vec<ClaimPath>,
    /// SHA-256 of each entry of the transaction data that this presentation authorizes.
    authorizes: Vec<[u8; 32]>,
}

impl<S: Shell> Wallet<S> {
    /// Answers a request as the person chose.
    pub async fn answer(&mut self, asked: &Asked, choice: Choice<'_>) -> Result<Answered, PresentError> {
        if self.state().answered.contains(&asked.hash) {
            return Err(PresentError::AlreadyAnswered);
        }
        let showing = self.choose(asked, &choice)?;
        if showing.is_empty() {
            return Err(PresentError::Choice);
        }
        let mut token = VpToken::default();
        for one in &showing {
            token.push(&one.query, self.presentation(asked, one).await?);
        }
        let failed = |_| PresentError::Protocol("encryption failed");
        let claims: Vec<String> =
            showing.iter().flat_map(|one| one.paths.iter().map(ToString::to_string)).collect();
        if asked.request.page().is_some() {
            let data = asked.request.respond_to_page(&token).map_err(failed)?;
            self.approve_login(asked, &choice).await?;
            let reused_copy = self.note_shown(asked, &showing, &claims).await?;
            let top_up = self.scarce(&showing);
            return Ok(Answered { redirect_uri: None, claims, reused_copy, top_up, data: Some(data) });
        }
        let post = asked.request.respond(&token).map_err(failed)?;
        self.approve_login(asked, &choice).await?;
        let reused_copy = self.note_shown(asked, &showing, &claims).await?;
        let response = match self.send(post).await {
            Ok(response) => response,
            Err(HttpError::Unreachable | HttpError::Address) => {
                self.take_back(asked, &showing).await?;
                return Err(PresentError::Http(HttpError::Unreachable));
            }
            Err(_) => return Err(PresentError::AnswerLost),
        };
        if !response.is_success() {
            return Err(PresentError::Refused { status: response.status, code: error_code(&response) });
        }
        // The verifier has the presentation: an acknowledgement of another shape can't undo that.
        let acknowledged = Acknowledgement::parse(&response.body).unwrap_or_default();
        let top_up = self.scarce(&showing);
        Ok(Answered { redirect_uri: acknowledged.redirect_uri, claims, reused_copy, top_up, data: None })
    }

    /// Holdings that were shown and have few copies left.
    fn scarce(&self, showing: &[Showing]) -> Vec<String> {
        let now = self.shell().clock().now_s();
        let scarce = |holding: &&crate::issue::Holding| {
            self.is_provider(&holding.issuer) && holding.unused(now) < TOP_UP_BELOW
        };
        let shown = showing.iter().filter_map(|one| self.holding(&one.holding)).filter(scarce);
        shown.map(|holding| holding.id.clone()).collect()
    }

    /// Tells the verifier that the person said no, and remembers it. A page is told by who called: see
    /// [`Asked::declined`].
    pub async fn decline(&mut self, asked: &Asked) -> Result<(), PresentError> {
        let party = self.party(asked);
        let verified = asked.consent.requester.verified;
        let act = Act::Declined { reason: Code::AccessDenied.as_str().to_owned() };
        self.remember(self.usage_record(party, verified, act)).await?;
        if asked.request.page().is_some() {
            return Ok(());
        }
        let response =
            self.send(asked.request.refuse(Code::AccessDenied)).await.map_err(PresentError::Http)?;
        if response.is_success() {
            return Ok(());
        }
        Err(PresentError::Refused { status: response.status, code: error_code(&response) })
    }

    pub(super) async fn send(&self, post: DirectPost) -> Result<crate::ports::Response, HttpError> {
        let request = Request { max_response: MAX_ANSWER, ..Request::form(post.url, post.form.encode()) };
        self.shell().http().send(request.header("accept", "application/json")).await
    }

    /// Which copy of which holding tells which claims for which query.
    fn choose(&self, asked: &Asked, choice: &Choice<'_>) -> Result<Vec<Showing>, PresentError> {
        let asked_for = |query: &String| asked.consent.credentials.iter().any(|c| c.query == *query);
        if !choice.credentials.iter().all(asked_for) {
            return Err(PresentError::Choice);
        }
        let wanted = |credential: &&AskedCredential| {
            credential.required || choice.everything || choice.credentials.contains(&credential.query)
        };
        let mut showing = Vec::new();
        for credential in asked.consent.credentials.iter().filter(wanted) {
            let named: Vec<&String> = choice
                .holdings
                .iter()
                .filter(|(query, _)| *query == credential.query)
                .map(|(_, holding)| holding)
                .collect();
            let multiple = asked.request.query().credential(&credential.query).is_some_and(|q| q.multiple);
            match named.as_slice() {
                [] => showing.push(self.showing(asked, credential, &credential.holding, choice)?),
                several if several.len() > 1 && !multiple => return Err(PresentError::Choice),
                several => {
                    for holding in several {
                        if showing
                            .iter()
                            .any(|one: &Showing| one.query == credential.query && one.holding == **holding)
                        {
                            return Err(PresentError::Choice);
                        }
                        showing.push(self.showing(asked, credential, holding, choice)?);
                    }
                }
            }
        }
        authorize(asked, &mut showing)?;
        Ok(showing)
    }

    fn showing(
        &self,
        asked: &Asked,
        credential: &AskedCredential,
        id: &String,
        choice: &Choice<'_>,
    ) -> Result<Showing, PresentError> {
        if *id != credential.holding && !credential.others.contains(id) {
            return Err(PresentError::Choice);
        }
        let holding = self.holding(id).ok_or(PresentError::Choice)?;
        let on = |path: &ClaimPath| {
            let told = credential.claims.iter().find(|claim| claim.path == *path);
            choice.everything
                || told.is_some_and(|claim| claim.required)
                || choice.claims.iter().any(|text| *text == path.to_string())
        };
        let alternatives = asked.alternatives.iter().find(|(query, _)| *query == credential.query);
        let alternatives = alternatives.map(|(_, sets)| sets.as_slice()).unwrap_or_default();
        // Without `claims` in the query there is one alternative that names none.
        let paths =
            alternatives.iter().find(|paths| paths.iter().all(on)).cloned().ok_or(PresentError::Choice)?;
        let now = self.shell().clock().now_s();
        let copy = holding.next_copy(now).ok_or(PresentError::Expired)?;
        let shown = holding.copies.get(copy).map_or(0, |copy| copy.shown);
        if shown > 0 && !choice.allow_reuse {
            return Err(PresentError::NoFreshCopy);
        }
        let (query, holding) = (credential.query.clone(), id.clone());
        Ok(Showing { query, holding, copy, paths, authorizes: Vec::new() })
    }

    /// The presentation, bound to this verifier and this request.
    async fn presentation(&self, asked: &Asked, one: &Showing) -> Result<String, PresentError> {
        let broken = PresentError::Protocol("a copy that can't be shown");
        let holding = self.holding(&one.holding).ok_or(PresentError::Choice)?;
        let copy = holding.copies.get(one.copy).ok_or(PresentError::Expired)?;
        let document = Document::of(holding, copy).ok_or(broken.clone())?;
        let holder = document.holder_key().ok_or(KeyError::Missing)?;
        let query = asked.request.query().credential(&one.query).ok_or(PresentError::Choice)?;
        let token = match document {
            Document::SdJwt(token) => token,
            Document::Mdoc(document) => {
                // The device signs which request it answers, whether the verifier asks for that or not (§B.2.6).
                let selected = document.select(&one.paths).map_err(|_| broken)?;
                let request = &asked.request;
                let (nonce, key) = (request.nonce(), request.encryption_key());
                let transcript = match request.page() {
                    Some(origin) => SessionTranscript::dc_api(origin, nonce, key),
                    None => {
                        SessionTranscript::openid4vp(request.audience(), nonce, key, request.response_uri())
                    }
                };
                let bound = selected.device_authentication(&transcript);
                let signature = self.signing(&copy.key, holder).sign(bound.as_bytes()).await?;
                return Ok(b64url_encode(&bound.finish(&signature)));
            }
        };
        let presentation = token.select(&one.paths).map_err(|_| broken)?;
        if !query.require_cryptographic_holder_binding {
            return Ok(presentation.as_str().to_owned());
        }
        let bound = presentation.key_binding(&KeyBinding {
            nonce: asked.request.nonce(),
            audience: asked.request.audience(),
            issued_at: self.shell().clock().now_s(),
            transaction_data_hashes: &one.authorizes,
        });
        let signature = self.signing(&copy.key, holder).sign(bound.as_bytes()).await?;
        Ok(bound.finish(&signature))
    }

    /// For a login of our own provider: says so to the account role, which alone grants a level.
    async fn approve_login(&mut self, asked: &Asked, choice: &Choice<'_>) -> Result<(), PresentError> {
        let Some(login) = &asked.consent.login else { return Ok(()) };
        let number = if login.number_digits == 0 { None } else { choice.number };
        let fits = |text: &str| {
            text.len() == usize::from(login.number_digits) && text.bytes().all(|b| b.is_ascii_digit())
        };
        if login.number_digits > 0 && !number.is_some_and(fits) {
            return Err(PresentError::NumberNeeded { digits: login.number_digits });
        }
        if login.level == Level::Pin && choice.pin.is_none() {
            return Err(PresentError::PinNeeded);
        }
        match self.approve(&asked.hash, number, choice.pin).await {
            // Our own earlier word, after which the answer did not get through.
            Err(error) if error.is(crate::account::messages::code::ALREADY_APPROVED) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Notes copies and request before the answer leaves.
    async fn note_shown(
        &mut self,
        asked: &Asked,
        showing: &[Showing],
        claims: &[String],
    ) -> Result<bool, PresentError> {
        let reused = showing.iter().any(|one| {
            let copy = self.holding(&one.holding).and_then(|holding| holding.copies.get(one.copy));
            copy.is_some_and(|copy| copy.shown > 0)
        });
        let act = Act::Presented {
            claims: claims.to_vec(),
            reused_copy: reused,
            login: asked.consent.login.is_some(),
            origin: asked.consent.login.as_ref().map(|login| login.origin.clone()),
        };
        let record = self.usage_record(self.party(asked), asked.consent.requester.verified, act);
        self.update(|state| {
            for one in showing {
                for holding in state.holdings.iter_mut().filter(|holding| holding.id == one.holding) {
                    if let Some(copy) = holding.copies.get_mut(one.copy) {
                        copy.shown = copy.shown.saturating_add(1);
                    }
                }
            }
            state.answered.push(asked.hash.clone());
            let surplus = state.answered.len().saturating_sub(MAX_ANSWERED);
            state.answered.drain(..surplus);
            usage::record(&mut state.usage, record);
        })
        .await?;
        Ok(reused)
    }

    /// The answer certainly did not leave: nothing was shown.
    async fn take_back(&mut self, asked: &Asked, showing: &[Showing]) -> Result<(), PresentError> {
        self.update(|state| {
            for one in showing {
                for holding in state.holdings.iter_mut().filter(|holding| holding.id == one.holding) {
                    if let Some(copy) = holding.copies.get_mut(one.copy) {
                        copy.shown = copy.shown.saturating_sub(1);
                    }
                }
            }
            state.answered.retain(|hash| *hash != asked.hash);
            state.usage.pop();
        })
        .await?;
        Ok(())
    }

    fn party(&self, asked: &Asked) -> String {
        let login = asked.consent.login.as_ref().map(|login| login.name_ko.clone());
        let party = asked.consent.requester.party.as_ref().map(|party| party.name_ko.clone());
        login.or(party).unwrap_or_else(|| asked.consent.requester.name.clone())
    }
}

/// Gives each entry of the transaction data to one of the credentials shown that may authorize it, the first (§5.1).
fn authorize(asked: &Asked, showing: &mut [Showing]) -> Result<(), PresentError> {
    for data in asked.request.transaction_data() {
        let by = showing.iter_mut().find(|one| data.credential_ids.contains(&one.query));
        let by = by.ok_or(PresentError::Request(Refusal::TransactionData))?;
        by.authorizes.push(sha256(data.encoded().as_bytes()));
    }
    Ok(())
}
