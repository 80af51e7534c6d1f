//! The flow, from a link to stored copies, and its continuation after a crash.

use credential::types::Format;
use openid::error::ErrorResponse;
use openid::metadata::{AuthorizationServer, CredentialConfiguration, CredentialIssuer};
use openid::token::{RefreshGrant, TokenRequest, TokenResponse};
use openid::vci::holder::{Authorized, Plan, PlanError};
use openid::vci::{CredentialOffer, Event, Notification, OfferLink, Target};
use openid::{Code, OAuthError};

use super::sending::{Binding, Nonces, refusal};
use super::sign_in::{Client, ClientKind};
use super::{HeldKey, Holding, IssueError, Issuing, MAX_COPIES, OfferSummary, Received, name_of};
use crate::ports::{
    Clock as _, Http as _, HttpError, KeyHandle, KeyStore as _, KeyUse, Request, Response, Shell,
};
use crate::secret::Secret;
use crate::usage::{self, Act};
use crate::wallet::Wallet;

/// `client_id` towards servers that know their wallets by a name alone.
pub(super) const CLIENT_ID: &str = "mapae-wallet";

/// Longest offer and error document that is read, in bytes.
pub(super) const SMALL: usize = 64 * 1024;

/// What the holder adds to an offer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// What was typed, where the offer asks for a code. The account's own offer knows the activation code.
    pub tx_code: Option<&'a str>,
    /// Fewer copies than the issuer gives at once.
    pub copies: Option<usize>,
    /// The only format to ask for; every one that the wallet knows if `None`.
    pub format: Option<Format>,
}

/// An offer with the documents that belong to it.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    /// How the server wants to know the wallet.
    pub(super) client: ClientKind,
}

impl<S: Shell> Wallet<S> {
    /// Reads an offer without accepting it.
    pub async fn look_at_offer(&self, link: &str, language: &str) -> Result<OfferSummary, IssueError> {
        let offer = self.fetch_offer(link).await?;
        let Prepared { plan, .. } = self.prepare(offer).await?;
        let issuer = plan.issuer();
        let credentials = plan.configurations().map(|(id, configuration)| {
            let display =
                configuration.credential_metadata.as_ref().and_then(|metadata| metadata.display(language));
            display.map_or_else(|| id.to_owned(), |display| display.name.clone())
        });
        Ok(OfferSummary {
            credentials: credentials.collect(),
            issuer: issuer.credential_issuer.clone(),
            issuer_names: issuer
                .display
                .iter()
                .filter_map(|display| {
                    Some((display.locale.clone().unwrap_or_default(), display.name.clone()?))
                })
                .collect(),
            tx_code: plan.tx_code().cloned(),
            copies: plan.configurations().map(|(_, it)| copies(issuer, it, None)).max().unwrap_or(1),
        })
    }

    /// Accepts an offer and stores what it holds. The same offer given again goes on where it stopped.
    pub async fn receive(&mut self, link: &str, options: Options<'_>) -> Result<Received, IssueError> {
        let offer = self.fetch_offer(link).await?;
        let text =
            serde_json::to_string(&offer).map_err(|_| IssueError::Protocol("an offer that can't be kept"))?;
        match &self.state().issuing {
            Some(issuing) if *issuing.offer == *text => {}
            Some(issuing) if issuing.token.is_some() => {
                return Err(IssueError::Busy { issuer: issuing.issuer.clone() });
            }
            _ => {
                self.drop_issuing().await?;
                self.begin(&offer, text, options).await?;
            }
        }
        self.follow(options.tx_code).await
    }

    /// Receives the badge of this phone's account, or its next batch of copies: finishes what was begun, else takes
    /// the offer that is there, else asks the wallet provider for one.
    pub async fn receive_badge(&mut self, options: Options<'_>) -> Result<Received, IssueError> {
        let account = self.state().account.as_ref().ok_or(IssueError::NoOffer)?;
        let (known, provider) = (account.offer.clone(), account.provider.clone());
        if let Some(issuing) = &self.state().issuing {
            if !self.is_provider(&issuing.issuer) {
                return Err(IssueError::Busy { issuer: issuing.issuer.clone() });
            }
            match self.follow(options.tx_code).await {
                Err(IssueError::OfferSpent) => {}
                other => return other,
            }
        } else if let Some(offer) = known {
            match self.receive_own(&offer, &provider, options).await {
                Err(IssueError::OfferSpent) => {}
                other => return other,
            }
        }
        let offer = self.request_offer().await?;
        self.receive_own(&offer, &provider, options).await
    }

    /// Goes on with an issuance that a crash or a lost connection interrupted; `None` if there is none.
    pub async fn resume_issuing(&mut self, tx_code: Option<&str>) -> Result<Option<Received>, IssueError> {
        if self.state().issuing.is_none() {
            return Ok(None);
        }
        self.follow(tx_code).await.map(Some)
    }

    /// Drops an issuance that is under way, with its keys.
    pub async fn drop_issuing(&mut self) -> Result<(), IssueError> {
        let Some(issuing) = self.state().issuing.clone() else { return Ok(()) };
        self.update(|state| state.issuing = None).await?;
        let request = issuing.request.into_iter().flat_map(|request| request.keys);
        for key in issuing.dpop.into_iter().chain(request) {
            // The vault no longer names the key: one that stays behind is of no use to anybody.
            let _ = self.shell().keys().delete(&key.handle).await;
        }
        Ok(())
    }

    async fn receive_own(
        &mut self,
        offer: &str,
        provider: &str,
        options: Options<'_>,
    ) -> Result<Received, IssueError> {
        let parsed = self.fetch_offer(offer).await.map_err(spent_if_gone)?;
        if parsed.credential_issuer.trim_end_matches('/') != provider.trim_end_matches('/') {
            return Err(PlanError::ForeignIssuer.into());
        }
        let text = serde_json::to_string(&parsed)
            .map_err(|_| IssueError::Protocol("an offer that can't be kept"))?;
        self.begin(&parsed, text, options).await?;
        self.follow(options.tx_code).await
    }

    async fn fetch_offer(&self, link: &str) -> Result<CredentialOffer, IssueError> {
        match OfferLink::parse(link).map_err(IssueError::Offer)? {
            OfferLink::ByValue(offer) => Ok(offer),
            OfferLink::ByReference(uri) => {
                let response = self.fetch(&uri, SMALL).await?;
                if !response.is_success() {
                    return Err(refusal(&response));
                }
                CredentialOffer::parse(&response.body).map_err(IssueError::Offer)
            }
        }
    }

    async fn fetch(&self, url: &str, max_response: usize) -> Result<Response, HttpError> {
        let request = Request { max_response, ..Request::get(url) }.header("accept", "application/json");
        self.shell().http().send(request).await
    }

    async fn prepare(&self, offer: CredentialOffer) -> Result<Prepared, IssueError> {
        let at = CredentialIssuer::location(&offer.credential_issuer)?;
        let response = self.fetch(&at, openid::json::LARGE).await?;
        if !response.is_success() {
            return Err(refusal(&response));
        }
        let issuer = CredentialIssuer::read(&response.body, &offer.credential_issuer)?;
        let server_id = Plan::authorization_server(&offer, &issuer)?.to_owned();
        let response = self.fetch(&AuthorizationServer::location(&server_id)?, openid::json::LARGE).await?;
        if !response.is_success() {
            return Err(refusal(&response));
        }
        let server = AuthorizationServer::read(&response.body, &server_id)?;
        let plan = Plan::new(offer, issuer, &server)?;
        let client = ClientKind::of(&server, plan.sign_in().is_none());
        Ok(Prepared { plan, client })
    }

    /// Notes the offer before anything is sent. Towards the own wallet provider tokens are bound to the device key,
    /// towards anybody else to a key made for this offer, by which two issuers can't recognise this phone.
    async fn begin(
        &mut self,
        offer: &CredentialOffer,
        text: String,
        options: Options<'_>,
    ) -> Result<(), IssueError> {
        let dpop = if self.is_provider(&offer.credential_issuer) {
            None
        } else {
            let made = self.shell().keys().generate(KeyUse::Credential).await?;
            Some(HeldKey { handle: made.handle, public_key: made.public_key.to_jwk() })
        };
        let issuing = Issuing {
            offer: Secret::new(text),
            issuer: offer.credential_issuer.clone(),
            dpop,
            copies: options.copies,
            format: options.format.map(|format| format.as_str().to_owned()),
            token: None,
            token_until_ms: None,
            request: None,
            stored: Vec::new(),
            sign_in: None,
            client_id: None,
        };
        self.update(|state| state.issuing = Some(issuing)).await?;
        Ok(())
    }

    /// Takes what is noted as far as it goes; drops it where going on is useless.
    pub(super) async fn follow(&mut self, tx_code: Option<&str>) -> Result<Received, IssueError> {
        let followed = self.follow_noted(tx_code).await;
        if let Err(error) = &followed
            && !error.may_resume()
        {
            self.drop_issuing().await?;
        }
        followed
    }

    async fn follow_noted(&mut self, tx_code: Option<&str>) -> Result<Received, IssueError> {
        if self.state().trust_anchors.is_empty() {
            return Err(IssueError::NoTrust);
        }
        let issuing = self.issuing()?.clone();
        let offer = CredentialOffer::parse(issuing.offer.as_bytes()).map_err(IssueError::Offer)?;
        let own = self.is_provider(&issuing.issuer);
        let kept_code =
            self.state().account.as_ref().filter(|_| own).and_then(|account| account.code.clone());
        let tx_code = tx_code.or(kept_code.as_deref());
        let Prepared { plan, client } = self.prepare(offer).await?;
        let wanted = self.wanted(&plan, issuing.format.as_deref());
        if wanted.is_empty() {
            return Err(PlanError::NothingToHold.into());
        }

        let mut nonces = Nonces::default();
        let fresh = issuing.token_until_ms.is_none_or(|until| self.shell().clock().now_ms() < until);
        let authorized = match &issuing.token {
            Some(token) => {
                let mut token = TokenResponse::parse(token.as_bytes(), plan.scheme()).map_err(protocol)?;
                if !fresh {
                    // A batch that was put off outlives its token (§9).
                    let refresh = token.refresh_token.ok_or(IssueError::OfferSpent)?;
                    token = self.refresh(&plan, refresh, client, &mut nonces).await?;
                }
                plan.authorized(token)
            }
            None => {
                let tx_code = plan.tx_code().and(tx_code);
                let token = self.token(&plan, tx_code, client, own, &mut nonces).await?;
                plan.authorized(token)
            }
        };
        let client_id = self.issuing()?.client_id.clone();
        let client_id = client_id.as_deref();
        for configuration in &wanted {
            for target in authorized.targets(configuration) {
                self.obtain(&authorized, configuration, &target, client_id, &mut nonces).await?;
            }
        }
        self.finish(&authorized, own, &mut nonces).await
    }

    /// The configurations to ask for. Of what is held already only the formats whose copies run out.
    fn wanted(&self, plan: &Plan, only: Option<&str>) -> Vec<String> {
        let now_s = self.shell().clock().now_s();
        let known = |(_, configuration): &(&str, &CredentialConfiguration)| {
            Format::from_name(&configuration.format).is_some()
                && only.is_none_or(|format| format == configuration.format)
        };
        let enough = |id: &str| {
            let issuer = &plan.issuer().credential_issuer;
            let held = |held: &&Holding| held.issuer == *issuer && held.configuration == id;
            self.state().holdings.iter().find(held).is_some_and(|held| !held.runs_out(now_s))
        };
        let all: Vec<String> = plan.configurations().filter(known).map(|(id, _)| id.to_owned()).collect();
        let lacking: Vec<String> = all.iter().filter(|id| !enough(id)).cloned().collect();
        if lacking.is_empty() { all } else { lacking }
    }

    pub(super) fn issuing(&self) -> Result<&Issuing, IssueError> {
        self.state().issuing.as_ref().ok_or(IssueError::NoOffer)
    }

    /// The noted offer with its documents, and what of it is wanted.
    pub(super) async fn noted_plan(&self) -> Result<(Prepared, Vec<String>), IssueError> {
        let issuing = self.issuing()?;
        let format = issuing.format.clone();
        let offer = CredentialOffer::parse(issuing.offer.as_bytes()).map_err(IssueError::Offer)?;
        let prepared = self.prepare(offer).await?;
        let wanted = self.wanted(&prepared.plan, format.as_deref());
        if wanted.is_empty() { Err(PlanError::NothingToHold.into()) } else { Ok((prepared, wanted)) }
    }

    /// The token request (§6.1). A code that was sent before is sent again: the same key may have it answered.
    async fn token(
        &mut self,
        plan: &Plan,
        tx_code: Option<&str>,
        client: ClientKind,
        own: bool,
        nonces: &mut Nonces,
    ) -> Result<TokenResponse, IssueError> {
        let signed_in = self.issuing()?.sign_in.clone();
        if plan.sign_in().is_some() && signed_in.as_ref().is_none_or(|it| it.code().is_none()) {
            return Err(IssueError::SignInNeeded);
        }
        let client = self.show_client(plan, client).await?;
        let request = match signed_in.as_ref().and_then(|it| Some((it, it.code()?))) {
            Some((it, code)) if plan.sign_in().is_some() => {
                let client_id = client.id.as_deref().unwrap_or(CLIENT_ID);
                plan.code_request(code, &it.verifier()?, it.redirect_uri(), client_id)
            }
            _ => match plan.token_request(tx_code, client.id.as_deref()) {
                Ok(request) => request,
                Err(PlanError::TxCode) => {
                    let announced = plan.tx_code();
                    return Err(IssueError::TxCodeNeeded {
                        length: announced.and_then(|code| code.length),
                        description: announced.and_then(|code| code.description.clone()),
                    });
                }
                Err(other) => return Err(other.into()),
            },
        };
        let response = self.ask_token(plan, &request, &client, nonces).await?;
        if !response.is_success() {
            return Err(token_refusal(&response, tx_code.is_some(), own));
        }
        self.note_token(plan, &response, client.id, None).await
    }

    /// A fresh access token by the refresh token (RFC 6749 §6).
    async fn refresh(
        &mut self,
        plan: &Plan,
        refresh_token: String,
        client: ClientKind,
        nonces: &mut Nonces,
    ) -> Result<TokenResponse, IssueError> {
        let client = self.show_client(plan, client).await?;
        let client_id = self.issuing()?.client_id.clone();
        let grant = RefreshGrant { refresh_token, scope: None, client_id: client_id.clone() };
        let request = TokenRequest::Refresh(grant.clone());
        let response = self.ask_token(plan, &request, &client, nonces).await?;
        if !response.is_success() {
            return Err(token_refusal(&response, false, false));
        }
        self.note_token(plan, &response, client_id, Some(grant.refresh_token)).await
    }

    async fn ask_token(
        &self,
        plan: &Plan,
        request: &TokenRequest,
        client: &Client,
        nonces: &mut Nonces,
    ) -> Result<Response, IssueError> {
        let key = self.issuing()?.dpop.as_ref();
        let attested = client.attested.as_ref();
        let binding = Binding { scheme: plan.scheme(), key, token: None, attested };
        let form = request.to_form().encode();
        let request = Request { max_response: SMALL, ..Request::form(plan.token_endpoint(), form) };
        self.send_bound(nonces, request.header("accept", "application/json"), binding).await
    }

    /// Notes the token before it is used. A refresh token that no new one replaced stays good.
    async fn note_token(
        &mut self,
        plan: &Plan,
        response: &Response,
        client_id: Option<String>,
        refresh_token: Option<String>,
    ) -> Result<TokenResponse, IssueError> {
        let mut token = TokenResponse::parse(&response.body, plan.scheme()).map_err(protocol)?;
        token.refresh_token = token.refresh_token.or(refresh_token);
        let kept =
            serde_json::to_string(&token).map_err(|_| IssueError::Protocol("a token that can't be kept"))?;
        let life_ms = token.expires_in.and_then(|s| i64::try_from(s).ok()).map(|s| s.saturating_mul(1000));
        let until_ms = life_ms.map(|life| self.shell().clock().now_ms().saturating_add(life));
        self.update(|state| {
            if let Some(issuing) = &mut state.issuing {
                issuing.token = Some(Secret::new(kept));
                issuing.token_until_ms = until_ms;
                issuing.client_id = client_id;
            }
        })
        .await?;
        Ok(token)
    }

    /// Tells the issuer, forgets the offer, and writes the history.
    async fn finish(
        &mut self,
        authorized: &Authorized,
        own: bool,
        nonces: &mut Nonces,
    ) -> Result<Received, IssueError> {
        let issuing = self.issuing()?.clone();
        for stored in &issuing.stored {
            if let Some(id) = &stored.notification_id {
                self.notify(authorized, id, Event::CredentialAccepted, nonces).await;
            }
        }
        let received = Received {
            holdings: issuing.stored.iter().map(|stored| stored.holding.clone()).collect(),
            copies: issuing.stored.iter().map(|stored| stored.copies).sum(),
        };
        let records: Vec<_> = issuing
            .stored
            .iter()
            .filter_map(|stored| {
                let vct = self.holding(&stored.holding)?.vct.clone();
                let act = Act::Received { issuer: issuing.issuer.clone(), vct, copies: stored.copies };
                Some(self.usage_record(issuing.issuer.clone(), true, act))
            })
            .collect();
        self.update(|state| {
            state.issuing = None;
            for record in records {
                usage::record(&mut state.usage, record);
            }
            if let (true, Some(account)) = (own, &mut state.account) {
                account.offer = None;
                account.code = None;
            }
        })
        .await?;
        if let Some(key) = &issuing.dpop {
            let _ = self.shell().keys().delete(&key.handle).await;
        }
        Ok(received)
    }

    /// Tells the issuer what became of a credential (§11). Nothing hangs on its answer.
    pub(super) async fn notify(&self, authorized: &Authorized, id: &str, event: Event, nonces: &mut Nonces) {
        let Some(endpoint) = &authorized.issuer().notification_endpoint else { return };
        let notification = Notification { notification_id: id.to_owned(), event, event_description: None };
        let (Ok(body), Ok(issuing)) = (serde_json::to_vec(&notification), self.issuing()) else { return };
        let binding = Binding {
            scheme: authorized.scheme(),
            key: issuing.dpop.as_ref(),
            token: Some(authorized.access_token()),
            attested: None,
        };
        let request = Request { max_response: SMALL, ..Request::json_bytes(endpoint, body) };
        let _ = self.send_bound(nonces, request, binding).await;
    }

    /// Whether a part of the offer is stored already.
    pub(super) fn is_stored(&self, target: &Target) -> bool {
        let name = name_of(target);
        self.state().issuing.as_ref().is_some_and(|issuing| issuing.stored.iter().any(|s| s.name == name))
    }

    pub(super) async fn delete_keys(&self, handles: impl IntoIterator<Item = KeyHandle>) {
        for handle in handles {
            let _ = self.shell().keys().delete(&handle).await;
        }
    }
}

/// How many copies are asked for: what the issuer advises, within what it gives at once.
pub(super) fn copies(
    issuer: &CredentialIssuer,
    configuration: &CredentialConfiguration,
    wanted: Option<usize>,
) -> usize {
    let count = |number: u32| usize::try_from(number).unwrap_or(1).clamp(1, MAX_COPIES);
    let batch = count(issuer.batch_size());
    let advised = configuration.copies.map_or(batch, count).min(batch);
    wanted.unwrap_or(advised).clamp(1, advised)
}

pub(super) fn protocol(error: OAuthError) -> IssueError {
    match error.error {
        Code::InvalidToken => IssueError::Protocol("a token of another type"),
        Code::InvalidEncryptionParameters => IssueError::Protocol("a response that does not decrypt"),
        _ => IssueError::Protocol("a message of another shape"),
    }
}

/// An offer of the own provider that is no longer there has been redeemed or has expired.
fn spent_if_gone(error: IssueError) -> IssueError {
    match error {
        IssueError::Refused { status: 404 | 410, .. } => IssueError::OfferSpent,
        other => other,
    }
}

fn token_refusal(response: &Response, code_sent: bool, own: bool) -> IssueError {
    #[derive(serde::Deserialize)]
    struct Tries {
        #[serde(default)]
        tx_code_tries_left: Option<u32>,
    }
    let code = ErrorResponse::parse(&response.body).and_then(|error| error.code());
    if code != Some(Code::InvalidGrant) {
        return refusal(response);
    }
    let tries: Option<Tries> = openid::json::parse(&response.body, openid::json::SMALL).ok();
    match tries.and_then(|tries| tries.tx_code_tries_left) {
        Some(left) => IssueError::TxCodeWrong { tries_left: Some(left) },
        // Other issuers don't tell which of the two it was.
        None if code_sent && !own => IssueError::TxCodeWrong { tries_left: None },
        None => IssueError::OfferSpent,
    }
}
