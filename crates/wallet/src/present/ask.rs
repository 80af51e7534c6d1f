//! From a link to a verified request and what it means for this wallet.

use credential::dcql::{Candidate, ClaimQuery, HeldCredential, Selection};
use credential::path::ClaimPath;
use credential::sd_jwt::SdJwt;
use keys::encoding::b64url_encode;
use keys::x509::Certificate;
use openid::approval::{self, LoginContext};
use openid::vp::{
    DcProtocol, DirectPost, Expected, FetchMethod, Fetched, PARTY, PartyName, Refusal, RequestLink,
    VerifiedRequest, Verifier,
};
use serde_json::{Value, json};
use url::Url;

use super::{AskedClaim, AskedCredential, Consent, Login, PresentError, Requester, did};
use crate::account::request_hash;
use crate::document::Document;
use crate::issue::{Holding, TypeInfo, error_code, is_reserved};
use crate::ports::{Clock as _, Http as _, Method, Request, Shell};
use crate::usage::Act;
use crate::wallet::Wallet;

/// Longest request object that is read, in bytes.
pub(super) const MAX_REQUEST: usize = 192 * 1024;

/// What the shell allows beyond the profile.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy<'a> {
    /// Transaction data types that the shell can show.
    pub transaction_types: &'a [&'a str],
    /// Whether unsigned requests may be shown at all, with the warning that nobody knows who asks.
    pub allow_unsigned: bool,
    /// Where did:mapae is resolved; without it at the wallet provider.
    pub did_resolver: Option<&'a str>,
    /// Hosts (with their port) whose did:web documents are asked for; none without it.
    pub did_hosts: &'a [&'a str],
}

/// A verified request and what it means here. It stays in memory and can be answered once.
#[derive(Debug)]
pub struct Asked {
    pub(super) request: VerifiedRequest,
    pub(super) consent: Consent,
    pub(super) selection: Selection,
    /// The holding for each place that the selection names.
    pub(super) held: Vec<String>,
    /// For each credential query, the sets of claims that the verifier takes and this wallet has, by preference.
    pub(super) alternatives: Vec<(String, Vec<Vec<ClaimPath>>)>,
    /// Names this request in the list of answered ones and, for a login, in the approval.
    pub(super) hash: String,
}

impl Asked {
    /// What the person has to be shown.
    pub fn consent(&self) -> &Consent {
        &self.consent
    }

    /// The verified request.
    pub fn request(&self) -> &VerifiedRequest {
        &self.request
    }

    /// The `data` that a page gets where the person says no (OpenID4VP 1.0 Appendix A.4).
    pub fn declined(&self) -> Value {
        self.request.refuse_page(openid::Code::AccessDenied)
    }
}

impl<S: Shell> Wallet<S> {
    /// Fetches and verifies the request behind a link or QR code, and finds what here would answer it. A verifier whose
    /// signature holds is told which of its parameters can't be taken (OpenID4VP 1.0 §8.5).
    pub async fn ask(&mut self, link: &str, policy: Policy<'_>) -> Result<Asked, PresentError> {
        let link = RequestLink::parse(link).map_err(PresentError::Link)?;
        let (text, client_id, nonce) = match link {
            RequestLink::Unsigned(form) => {
                let anchors = self.anchors();
                let expected = self.expected(Fetched::default(), policy, &anchors);
                let request = VerifiedRequest::from_unsigned(&form, &expected)?;
                return self.understand(request).await;
            }
            RequestLink::ByValue { client_id, request } => (request, client_id, None),
            RequestLink::ByReference { client_id, request_uri, method } => {
                let nonce = (method == FetchMethod::Post).then(FetchMethod::fresh_wallet_nonce);
                (self.fetch_request(&request_uri, nonce.as_deref()).await?, client_id, nonce)
            }
        };
        let keys = self.did_keys(&client_id, &policy).await;
        let fetched = Fetched { client_id: &client_id, wallet_nonce: nonce.as_deref() };
        match self.judge_request(&text, fetched, policy, &keys) {
            Ok(request) => self.understand(request).await,
            Err((why, post)) => {
                if let Some(post) = post {
                    // Whether it hears that or not: nothing is shown.
                    let _ = self.send(post).await;
                }
                Err(why.into())
            }
        }
    }

    /// The judgement of a signed request, with what a verifier is told of a refused one.
    fn judge_request(
        &self,
        text: &str,
        fetched: Fetched<'_>,
        policy: Policy<'_>,
        keys: &did::Keys,
    ) -> Result<VerifiedRequest, (Refusal, Option<DirectPost>)> {
        let anchors = self.anchors();
        let did_key = |kid: &str| keys.iter().find(|(name, _)| name == kid).map(|(_, key)| key.clone());
        let expected = Expected { did_key: Some(&did_key), ..self.expected(fetched, policy, &anchors) };
        VerifiedRequest::verify(text, &expected).map_err(|why| {
            let post = is_told(why).then(|| VerifiedRequest::refusal(text, &expected, why)).flatten();
            (why, post)
        })
    }

    /// Verifies a request that the page at `origin` hands over through the Digital Credentials API: the `protocol` and the
    /// `data` of it, as the browser gives them (OpenID4VP 1.0 Appendix A).
    pub async fn ask_from_page(
        &mut self,
        protocol: DcProtocol,
        data: &Value,
        origin: &str,
        policy: Policy<'_>,
    ) -> Result<Asked, PresentError> {
        let named = match protocol {
            DcProtocol::Signed => data.get("request").and_then(Value::as_str).and_then(did::named_in),
            DcProtocol::Unsigned | DcProtocol::MultiSigned => None,
        };
        let keys = self.did_keys(named.as_deref().unwrap_or_default(), &policy).await;
        let request = {
            let anchors = self.anchors();
            let did_key = |kid: &str| keys.iter().find(|(name, _)| name == kid).map(|(_, key)| key.clone());
            let expected = self.expected(Fetched::default(), policy, &anchors);
            let expected = Expected { did_key: Some(&did_key), ..expected };
            VerifiedRequest::from_page(protocol, data, origin, &expected)?
        };
        self.understand(request).await
    }

    /// What this wallet expects, but for the keys of DIDs.
    fn expected<'a>(
        &self,
        fetched: Fetched<'a>,
        policy: Policy<'a>,
        anchors: &'a [Certificate],
    ) -> Expected<'a> {
        Expected {
            fetched,
            anchors,
            did_key: None,
            audience: None,
            transaction_types: policy.transaction_types,
            allow_unsigned: policy.allow_unsigned,
            now: self.shell().clock().now_s(),
        }
    }

    /// What a verified request means here.
    async fn understand(&mut self, request: VerifiedRequest) -> Result<Asked, PresentError> {
        let hash = match request.signed_text().and_then(request_hash) {
            Some(hash) => hash,
            None => b64url_encode(&keys::sha256(
                format!("{}\n{}", request.client_id(), request.nonce()).as_bytes(),
            )),
        };
        if self.state().answered.contains(&hash) {
            return Err(PresentError::AlreadyAnswered);
        }
        let login = self.login_of(&request);
        let (selection, held) = self.select(&request)?;
        self.learn_types(&held).await?;
        let mut asked = Asked {
            consent: Consent {
                requester: Requester { party: self.party_of(&request), ..requester(&request) },
                login,
                credentials: Vec::new(),
                transactions: request
                    .transaction_data()
                    .iter()
                    .map(|data| json!({ "type": data.kind, "members": data.members }))
                    .collect(),
            },
            request,
            selection,
            held,
            alternatives: Vec::new(),
            hash,
        };
        self.describe(&mut asked)?;
        self.recall(&mut asked.consent);
        Ok(asked)
    }

    /// Of a login whose provider allows it: whether all that it takes was told to this origin before, by the history.
    pub(super) fn recall(&self, consent: &mut Consent) {
        let Some(login) = consent.login.as_mut().filter(|login| login.remembered) else { return };
        let taken = consent.credentials.iter().flat_map(|asked| &asked.claims).filter(|claim| claim.required);
        let taken: Vec<String> = taken.map(|claim| claim.path.to_string()).collect();
        login.remembered = self.state().usage.iter().rev().any(|record| match &record.act {
            Act::Presented { claims, login: true, origin: Some(origin), .. } => {
                record.verified && *origin == login.origin && taken.iter().all(|path| claims.contains(path))
            }
            _ => false,
        });
    }

    async fn fetch_request(&self, uri: &str, nonce: Option<&str>) -> Result<String, PresentError> {
        let request = match nonce {
            Some(nonce) => Request::form(uri, FetchMethod::post_body(nonce)),
            None => Request::get(uri),
        };
        debug_assert_eq!(request.method == Method::Post, nonce.is_some());
        let request = Request { max_response: MAX_REQUEST, ..request };
        let request = request.header("accept", "application/oauth-authz-req+jwt");
        let response = self.shell().http().send(request).await.map_err(PresentError::Http)?;
        if !response.is_success() {
            return Err(PresentError::Fetch { status: response.status, code: error_code(&response) });
        }
        String::from_utf8(response.body).map_err(|_| openid::vp::Refusal::Malformed.into())
    }

    /// For whom our own provider's verifier asks, by link or on its page; nobody else is believed.
    fn party_of(&self, request: &VerifiedRequest) -> Option<PartyName> {
        let account = self.state().account.as_ref()?;
        let certified = matches!(request.verifier(), Verifier::Certified(_));
        let at_provider = origin_of(request.response_uri()) == origin_of(&account.provider);
        // Over the Digital Credentials API the page is the relying party's own: its origin is the name.
        (certified && at_provider)
            .then(|| request.parameters().extra.get(PARTY))?
            .and_then(|party| serde_json::from_value::<PartyName>(party.clone()).ok())
    }

    /// The login context, believed only from a certified requester that wants its answer at our own provider: from
    /// anybody else it is one more unknown parameter.
    fn login_of(&self, request: &VerifiedRequest) -> Option<Login> {
        let account = self.state().account.as_ref()?;
        let certified = matches!(request.verifier(), Verifier::Certified(_));
        // Through a browser, the page is our provider's own.
        let place = request.page().map_or_else(|| origin_of(request.response_uri()), str::to_owned);
        if !certified || place != origin_of(&account.provider) {
            return None;
        }
        let context = request.parameters().extra.get(approval::PARAMETER)?;
        let context: LoginContext = serde_json::from_value(context.clone()).ok()?;
        let LoginContext { name_ko, name_en, origin, place, number_digits, level, remembers } = context;
        Some(Login { name_ko, name_en, origin, place, number_digits, level, remembered: remembers })
    }

    /// What of the holdings answers the query.
    fn select(&self, request: &VerifiedRequest) -> Result<(Selection, Vec<String>), PresentError> {
        let now = self.shell().clock().now_s();
        let mut parsed = Vec::new();
        for holding in &self.state().holdings {
            let copy = holding.next_copy(now).and_then(|at| holding.copies.get(at));
            if let Some(document) = copy.and_then(|copy| Document::of(holding, copy)) {
                let authorities = document.authorities();
                parsed.push((holding, document, authorities));
            }
        }
        if parsed.is_empty() && !self.state().holdings.is_empty() {
            return Err(PresentError::Expired);
        }
        let held: Vec<HeldCredential<'_>> = parsed
            .iter()
            .map(|(holding, document, authorities)| HeldCredential {
                format: &holding.format,
                types: std::iter::once(holding.vct.as_str()).chain(document.other_types()).collect(),
                claims: document.claims(),
                authority_key_ids: authorities.iter().map(String::as_str).collect(),
                holder_bound: document.holder_key().is_some(),
            })
            .collect();
        let selection = request.query().matches(&held)?;
        Ok((selection, parsed.iter().map(|(holding, ..)| holding.id.clone()).collect()))
    }

    /// Learns the rules of types that were not known when their copies came.
    async fn learn_types(&mut self, held: &[String]) -> Result<(), PresentError> {
        for id in held {
            let Some(holding) = self.holding(id).filter(|holding| holding.type_info.is_none()) else {
                continue;
            };
            let vct = holding.vct.clone();
            let read = |copy| match Document::of(holding, copy)? {
                Document::SdJwt(token) => Some(*token),
                Document::Mdoc(_) => None,
            };
            let copies: Vec<SdJwt> = holding.copies.iter().filter_map(read).collect();
            let told = self.type_info(TypeInfo::default(), &vct, &copies).await;
            let info = told.ok().flatten().ok_or(PresentError::TypeUnknown)?;
            self.update(|state| {
                for holding in state.holdings.iter_mut().filter(|holding| holding.vct == vct) {
                    holding.type_info = Some(info.clone());
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Fills in credentials and claims, and refuses what nobody but the login provider may ask.
    fn describe(&self, asked: &mut Asked) -> Result<(), PresentError> {
        let now = self.shell().clock().now_s();
        let wanted: Vec<&str> = asked.selection.preferred().into_iter().map(|(id, _)| id).collect();
        let mut credentials = Vec::new();
        for matched in &asked.selection.matches {
            let query = asked.request.query().credential(&matched.query_id).ok_or(PresentError::Choice)?;
            let holding_of = |candidate: &Candidate| asked.held.get(candidate.held).map(String::as_str);
            let mut ids = matched.candidates.iter().filter_map(holding_of);
            let Some(holding) = ids.next().and_then(|id| self.holding(id)) else { continue };
            let others = ids.map(str::to_owned).collect();
            let claims = self.claims_of(holding)?;
            let mut alternatives: Vec<Vec<ClaimPath>> = query
                .alternatives()
                .iter()
                .filter(|wanted| has_all(wanted, &claims))
                .map(|w| distinct(w))
                .collect();
            if asked.consent.login.is_none() {
                // Without the reserved claims another alternative may still do.
                let reserved =
                    |paths: &Vec<ClaimPath>| paths.iter().find(|path| is_reserved(holding, path)).cloned();
                let first = alternatives.iter().find_map(reserved);
                alternatives.retain(|paths| reserved(paths).is_none());
                if let (true, Some(path)) = (alternatives.is_empty(), first) {
                    return Err(PresentError::ReservedClaim(path.to_string()));
                }
            }
            let least = alternatives.iter().min_by_key(|paths| paths.len()).cloned().unwrap_or_default();
            let mut paths = least.clone();
            for path in alternatives.iter().flatten() {
                if !paths.contains(path) {
                    paths.push(path.clone());
                }
            }
            let described = paths.into_iter().map(|path| {
                let label = |language: &str| match &holding.type_info {
                    Some(info) => info.label(&path, language),
                    None => path.to_string(),
                };
                let value = path.select(&claims).ok().and_then(|found| found.first().map(|v| (*v).clone()));
                AskedClaim {
                    label_ko: label("ko"),
                    label_en: label("en"),
                    value: value.unwrap_or_default(),
                    required: least.contains(&path),
                    path,
                }
            });
            credentials.push(AskedCredential {
                query: matched.query_id.clone(),
                holding: holding.id.clone(),
                others,
                vct: holding.vct.clone(),
                required: wanted.contains(&matched.query_id.as_str()),
                unused_copies: holding.unused(now),
                claims: described.collect(),
            });
            asked.alternatives.push((matched.query_id.clone(), alternatives));
        }
        asked.consent.credentials = credentials;
        Ok(())
    }

    /// The claims of a holding, as its next copy says them.
    pub(crate) fn claims_of(&self, holding: &Holding) -> Result<Value, PresentError> {
        let now = self.shell().clock().now_s();
        let copy =
            holding.next_copy(now).and_then(|at| holding.copies.get(at)).ok_or(PresentError::Expired)?;
        let document = Document::of(holding, copy);
        Ok(document.ok_or(PresentError::Protocol("a copy that does not parse"))?.claims().clone())
    }
}

/// Of which faults a verifier is told: those of what it asks, not those of when and to whom.
fn is_told(why: Refusal) -> bool {
    matches!(
        why,
        Refusal::Query
            | Refusal::Formats
            | Refusal::TransactionData
            | Refusal::EncryptionKey
            | Refusal::ResponseType
            | Refusal::ResponseMode
    )
}

fn has_all(wanted: &[&ClaimQuery], claims: &Value) -> bool {
    wanted.iter().all(|claim| match claim.path.select(claims) {
        Ok(found) => claim.values.is_empty() || found.iter().any(|v| claim.values.iter().any(|w| w.is(v))),
        Err(_) => false,
    })
}

fn distinct(wanted: &[&ClaimQuery]) -> Vec<ClaimPath> {
    let mut paths: Vec<ClaimPath> = Vec::with_capacity(wanted.len());
    for claim in wanted {
        if !paths.contains(&claim.path) {
            paths.push(claim.path.clone());
        }
    }
    paths
}

fn requester(request: &VerifiedRequest) -> Requester {
    let client_id = request.client_id().to_owned();
    let (name, verified) = match request.verifier() {
        Verifier::Certified(certificate) => {
            let dns = || certificate.dns_names().first().cloned();
            let name = certificate.subject_common_name().map(str::to_owned).or_else(dns);
            (name.unwrap_or_else(|| client_id.clone()), true)
        }
        Verifier::Did(did) => (did.clone(), did::is_vouched_for(did)),
        Verifier::Page(origin) => (origin.clone(), true),
        Verifier::Unproven => (client_id.clone(), false),
    };
    Requester { name, party: None, verified, client_id, origin: origin_of(request.response_uri()) }
}

pub(super) fn origin_of(address: &str) -> String {
    Url::parse(address).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}
