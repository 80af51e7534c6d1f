//! The public page `/verify`: a file and a QR code, which the page's own script checks in the browser, and a number.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use credential::trust::{KeyState, TrustList, TrustSource as _};
use http::{HeaderValue, StatusCode, header};
use keys::encoding::hex_decode;
use keys::{Jwk, PublicKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::check::{self, Answer, Asked, CheckError, Standing};
use super::document::Document;
use super::fill;
use super::table::Table;
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::store::params;
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::staff::Source;
use crate::{issuance, lifecycle, wallet_app};

/// Own files and compiled WebAssembly only.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/verify", get(form).post(number))
        .route("/verify/standing/{digest}", get(standing))
}

/// What a result says, as the script names it, and the key of each label.
const FACTS: [(&str, &str); 13] = [
    ("document", "certificates.document"),
    ("name", "certificates.fact.name"),
    ("born", "certificates.fact.born"),
    ("agency", "certificates.issuer"),
    ("department", "certificates.fact.department"),
    ("rank", "certificates.fact.rank"),
    ("purpose", "certificates.fact.purpose"),
    ("recipient", "certificates.fact.recipient"),
    ("issued", "certificates.issued"),
    ("signer", "certificates.signed_by"),
    ("proven", "certificates.signed_at"),
    ("compared", "certificates.compared"),
    ("list", "certificates.by_list"),
];

/// What the script says, by what it calls it.
const WORDS: [(&str, &str); 29] = [
    ("genuine", "certificates.verdict.genuine"),
    ("changed", "certificates.verdict.changed"),
    ("revoked", "certificates.verdict.revoked"),
    ("over", "certificates.verdict.over"),
    ("issuer", "certificates.verdict.issuer"),
    ("unknown", "certificates.verdict.unknown"),
    ("taken_back", "certificates.verdict.revoked.taken_back"),
    ("copy", "certificates.verify.copy"),
    ("checking", "certificates.checking"),
    ("no_module", "certificates.no_module"),
    ("file.genuine", "certificates.file.genuine"),
    ("file.revoked", "certificates.file.revoked"),
    ("file.large", "certificates.file.large"),
    ("standing.genuine", "certificates.standing.genuine"),
    ("standing.over", "certificates.standing.over"),
    ("standing.unknown", "certificates.standing.unknown"),
    ("standing.offline", "certificates.standing.offline"),
    ("compared.file", "certificates.compared.file"),
    ("compared.code", "certificates.compared.code"),
    ("code.genuine", "certificates.code.genuine"),
    ("code.changed", "certificates.code.changed"),
    ("code.issuer", "certificates.code.issuer"),
    ("code.unknown", "certificates.code.unknown"),
    ("code.rows", "certificates.code.rows"),
    ("code.revocation", "certificates.code.revocation"),
    ("employment", "certificates.kind.employment"),
    ("career", "certificates.kind.career"),
    ("list", "certificates.code.list"),
    ("list.file", "certificates.file.list"),
];

#[derive(Template)]
#[template(path = "certificates/verify.html")]
struct VerifyPage {
    page: Page,
    number: String,
    told: Option<Told>,
    problem: Option<String>,
    /// Whether this binary has the module that checks.
    here: bool,
    /// Whose signatures are believed, and which list says so.
    issuers: String,
    facts: [(&'static str, &'static str); 13],
    words: String,
}

/// The keys that signed certificates and that the trust list accredits for them, as JSON for the script.
async fn issuers(platform: &Platform) -> Result<String, Problem> {
    let list = lifecycle::local_trust(platform).await.map_err(Problem::internal)?;
    let desk = issuance::desk(platform).map_err(Problem::internal)?;
    let printed: Vec<&str> =
        desk.others().iter().filter(|kind| kind.document.is_some()).map(|kind| kind.vct.as_str()).collect();
    let rows = platform.store.fetch_all("SELECT jwk FROM certificate_signer ORDER BY jkt", params![]).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let jwk: Jwk = serde_json::from_str(&row.text("jwk")?).map_err(Problem::internal)?;
        let key = PublicKey::from_jwk(&jwk).map_err(Problem::internal)?;
        keys.extend(known(&list, &key, &printed));
    }
    Ok(json!({ "version": list.version(), "at": list.issued_at(), "keys": keys }).to_string())
}

/// A key with its issuer's name. What a key signed before it was retired holds; a compromised one is believed nothing.
fn known(list: &TrustList, key: &PublicKey, printed: &[&str]) -> Option<Value> {
    let mut entries = list.entries_of(&key.thumbprint()).iter();
    let entry = entries.find(|entry| {
        !matches!(entry.state, KeyState::Revoked { .. })
            && entry.vcts.iter().any(|vct| printed.contains(&vct.as_str()))
    })?;
    Some(json!({ "jwk": key.to_jwk(), "ko": entry.name.ko, "en": entry.name.en }))
}

/// The answer in words: never one green tick alone.
struct Told {
    tone: &'static str,
    icon: &'static str,
    verdict: &'static str,
    /// Since when it is so.
    since: Option<i64>,
    why: String,
    title: String,
    agency: String,
    issued: String,
    facts: Vec<(String, String)>,
    table: Option<Box<Table>>,
    whole: bool,
    wrong_birth_date: bool,
}

impl Told {
    fn of(page: &Page, answer: Answer) -> Self {
        let unknown = Self {
            tone: "wait",
            icon: "info",
            verdict: "certificates.verdict.unknown",
            since: None,
            why: page.t("certificates.verdict.unknown.why").to_owned(),
            title: String::new(),
            agency: String::new(),
            issued: String::new(),
            facts: Vec::new(),
            table: None,
            whole: false,
            wrong_birth_date: false,
        };
        let Answer::Known { standing, title, agency, issued, facts, table, whole, wrong_birth_date, .. } =
            answer
        else {
            return unknown;
        };
        let (tone, icon, verdict, since, why) = match standing {
            Standing::Genuine => {
                let why = page.t1("certificates.verdict.genuine.why", "day", fill::day(&issued, page.lang));
                ("good", "done", "certificates.verdict.genuine", None, why)
            }
            Standing::Revoked { reason, at } => {
                let reason =
                    reason.unwrap_or_else(|| page.t("certificates.verdict.revoked.taken_back").to_owned());
                let why = page.t1("certificates.verdict.revoked.why", "reason", reason);
                ("bad", "stop", "certificates.verdict.revoked", Some(at), why)
            }
            Standing::Over { since } => {
                let why = page.t("certificates.verdict.over.why").to_owned();
                ("wait", "clock", "certificates.verdict.over", Some(since), why)
            }
        };
        let issued = fill::day(&issued, page.lang);
        Self { tone, icon, verdict, since, why, title, agency, issued, facts, table, whole, wrong_birth_date }
    }
}

async fn show(
    page: Page,
    platform: &Platform,
    number: String,
    answer: Option<Answer>,
    problem: Option<Problem>,
) -> PageResult {
    let page = page.of(Area::Public);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let told = answer.map(|answer| Told::of(&page, answer));
    let problem = problem.map(|problem| problem.detail(page.lang));
    let issuers = issuers(platform).await.map_err(|problem| Fault::told(&page, problem))?;
    let words: Map<String, Value> =
        WORDS.into_iter().map(|(name, key)| (name.to_owned(), json!(page.t(key)))).collect();
    let words = Value::Object(words).to_string().replace('<', "\\u003c");
    let here = wallet_app::has("verify.js");
    let mut response =
        render_with(status, &VerifyPage { page, number, told, problem, here, issuers, facts: FACTS, words });
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

async fn form(page: Page, State(platform): State<Arc<Platform>>) -> PageResult {
    show(page, &platform, String::new(), None, None).await
}

#[derive(Deserialize)]
struct NumberForm {
    number: String,
    #[serde(default)]
    birth_date: String,
}

/// No session travels with this form, so it needs no CSRF token.
async fn number(
    page: Page,
    source: Source,
    State(platform): State<Arc<Platform>>,
    Form(form): Form<NumberForm>,
) -> PageResult {
    let number: String = form.number.chars().take(64).collect();
    let asked = Asked { number: form.number, birth_date: form.birth_date };
    match check::check(&platform, &asked, source.0).await {
        Ok(answer) => show(page, &platform, number, Some(answer), None).await,
        Err(CheckError::Store(error)) => Err(Fault::told(&page, error)),
        Err(error) => show(page, &platform, number, None, Some(error.into())).await,
    }
}

/// How the file with this SHA-256 stands. Nobody guesses one: who asks has the file.
async fn standing(
    Path(digest): Path<String>,
    State(platform): State<Arc<Platform>>,
) -> Result<Response, Problem> {
    let digest = hex_decode(&digest).map_err(|_| Problem::of_status(StatusCode::NOT_FOUND))?;
    let told = match Document::of_digest(&platform, &digest).await? {
        None => json!({ "standing": "unknown" }),
        Some(document) => {
            let (title, agency) = (&document.content.title, &document.content.agency);
            let (standing, at, reason) = match check::standing(&platform, &document).await? {
                Standing::Genuine => ("genuine", None, None),
                Standing::Revoked { reason, at } => ("revoked", Some(at), reason),
                Standing::Over { since } => ("over", Some(since), None),
            };
            let issued = &document.content.issued;
            json!({ "standing": standing, "at": at, "reason": reason, "title": title, "agency": agency, "issued": issued })
        }
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(told)).into_response())
}
