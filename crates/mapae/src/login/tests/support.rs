//! A browser, a phone and a relying party for the tests.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use credential::path::ClaimPath;
use credential::sd_jwt::{self, Claims, Issuance, Issuer, KeyBinding, SdJwt, StatusClaim};
use credential::status_list::week::Week;
use http::{Request, StatusCode, header};
use keys::{SecretKey, Signer};
use openid::approval::Level;
use openid::form::Form;
use openid::vp::{Expected, FetchMethod, Fetched, RequestLink, VerifiedRequest, VpToken};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::lifecycle::{self, By, NewBadge};
use crate::login::registration::ClientSettings;
use crate::operations::server;
use crate::operations::server_keys::KeyName;
use crate::operations::store::{StoreError, params};
use crate::testing::{self, TestPlatform};
use crate::verification::cli;
use crate::verification::relying_party::{IdTokenAlg, Registration, Secrets, StartLevel, Subject};

pub(crate) const REDIRECT: &str = "http://localhost:8603/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const NAME: &str = "김예시";

/// A platform with a badge in a phone and relying parties.
pub(crate) struct World {
    pub(crate) platform: TestPlatform,
    pub(crate) router: Router,
    pub(crate) phone: Phone,
    pub(crate) secrets: Secrets,
}

/// A phone with one copy of a badge.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) badge: String,
    pub(crate) account: String,
    pub(crate) holder: Arc<SecretKey>,
    pub(crate) credential: String,
    pub(crate) status: StatusClaim,
}

/// What a request got.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// A parameter of the redirect.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).unwrap();
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The problem code, with the reason if there is one.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let code = body["code"].as_str().or_else(|| body["error"].as_str()).unwrap_or_default();
        match body["reason"].as_str() {
            Some(reason) => format!("{code}: {reason}"),
            None => code.to_owned(),
        }
    }
}

pub(crate) fn registration(id: &str) -> Registration {
    Registration {
        id: id.to_owned(),
        name_ko: "예시 업무 포털".to_owned(),
        name_en: "Example Work Portal".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        claims: ["name", "agency_name", "inst_code", "department", "position", "employee_number"]
            .map(str::to_owned)
            .to_vec(),
        level: StartLevel::Low,
        acr: Level::Base,
        remembers: false,
        subject: Subject::Pairwise,
        sector: None,
        id_token_alg: IdTokenAlg::ES256,
        public: false,
        api: true,
    }
}

impl World {
    pub(crate) async fn new() -> World {
        World::on(testing::platform().await).await
    }

    pub(crate) async fn on(platform: TestPlatform) -> World {
        let secrets = cli::register(&platform, registration("portal")).await.unwrap();
        let phone = Phone::with_badge(&platform, "employee-1", "link-1").await;
        let router = server::public_router(&platform);
        World { platform, router, phone, secrets }
    }

    pub(crate) async fn register(&self, registration: Registration) -> Secrets {
        cli::register(&self.platform, registration).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 4 << 20).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str, cookie: Option<&str>) -> Reply {
        let mut request = Request::get(self.local(path));
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post_form(
        &self,
        path: &str,
        form: &Form,
        headers: &[(header::HeaderName, &str)],
    ) -> Reply {
        let mut request =
            Request::post(self.local(path)).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(request.body(Body::from(form.encode())).unwrap()).await
    }

    pub(crate) async fn post_json(
        &self,
        path: &str,
        body: &Value,
        headers: &[(header::HeaderName, &str)],
    ) -> Reply {
        let mut request = Request::post(self.local(path)).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    fn local<'a>(&self, address: &'a str) -> &'a str {
        address.strip_prefix(self.platform.config.public.origin()).unwrap_or(address)
    }

    /// A good authorization request of the portal.
    pub(crate) fn request(&self) -> Form {
        let challenge = keys::encoding::b64url_encode(&keys::sha256(VERIFIER.as_bytes()));
        Form::default()
            .with("response_type", "code")
            .with("client_id", "portal")
            .with("redirect_uri", REDIRECT)
            .with("scope", "openid profile badge")
            .with("state", "the-state")
            .with("nonce", "the-nonce")
            .with("code_challenge", &challenge)
            .with("code_challenge_method", "S256")
    }

    /// The same of another relying party.
    pub(crate) fn request_as(&self, client_id: &str) -> Form {
        let mut form = Form::default();
        for (name, value) in self.request().iter() {
            form.push(name, if name == "client_id" { client_id } else { value });
        }
        form
    }

    pub(crate) async fn authorize(&self, form: &Form) -> Reply {
        self.get(&format!("/oidc/authorize?{}", form.encode()), None).await
    }

    /// Opens the login page in a fresh browser.
    pub(crate) async fn open(&self, form: &Form) -> Browser {
        Browser::of(self.authorize(form).await)
    }

    pub(crate) async fn open_page(&self) -> Browser {
        self.open(&self.request()).await
    }

    /// Scans, approves with the number on the page, and presents.
    pub(crate) async fn phone_logs_in(&self, page: &Browser) -> Reply {
        let request = self.phone.fetch(self, &page.scan).await;
        self.phone.approve(self, &request, Some(&page.number), Level::Base).await;
        self.phone.present(self, &request).await
    }

    /// Everything up to the code.
    pub(crate) async fn code(&self, page: &Browser) -> String {
        let reply = self.phone_logs_in(page).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let reply = self.get(&page.go_on(), Some(&page.cookie)).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        reply.parameter("code").unwrap()
    }

    pub(crate) fn token_form(&self, code: &str) -> Form {
        Form::default()
            .with("grant_type", "authorization_code")
            .with("code", code)
            .with("redirect_uri", REDIRECT)
            .with("code_verifier", VERIFIER)
    }

    pub(crate) async fn redeem_as(&self, id: &str, secret: &str, form: &Form) -> Reply {
        let basic = format!("Basic {}", keys::encoding::b64_encode(format!("{id}:{secret}").as_bytes()));
        self.post_form("/oidc/token", form, &[(header::AUTHORIZATION, &basic)]).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Reply {
        let secret = self.secrets.client_secret.clone().unwrap();
        self.redeem_as("portal", &secret, &self.token_form(code)).await
    }

    pub(crate) async fn userinfo(&self, access_token: &str) -> Reply {
        let request =
            Request::get("/oidc/userinfo").header(header::AUTHORIZATION, format!("Bearer {access_token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sets how a relying party uses the login.
    pub(crate) async fn configure(&self, id: &str, settings: ClientSettings) {
        crate::login::cli::put(&self.platform, id, settings).await.unwrap();
    }

    /// A request of the portal with its secret.
    pub(crate) async fn as_portal(&self, path: &str, form: &Form) -> Reply {
        let secret = self.secrets.client_secret.clone().unwrap();
        let basic = format!("Basic {}", keys::encoding::b64_encode(format!("portal:{secret}").as_bytes()));
        self.post_form(path, form, &[(header::AUTHORIZATION, &basic)]).await
    }

    /// The tokens of a whole login of the portal.
    pub(crate) async fn tokens(&self) -> Value {
        let page = self.open_page().await;
        let code = self.code(&page).await;
        let reply = self.redeem(&code).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply.json()
    }

    /// The portal refreshes.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Reply {
        let form = Form::default().with("grant_type", "refresh_token").with("refresh_token", refresh_token);
        self.as_portal("/oidc/token", &form).await
    }

    /// A request that comes from an address.
    pub(crate) async fn send_from(&self, address: &str, mut request: Request<Body>) -> Reply {
        let peer = std::net::SocketAddr::new(address.parse().unwrap(), 40_000);
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        self.send(request).await
    }

    /// A login up to the access token.
    pub(crate) async fn access_token(&self) -> String {
        let page = self.open_page().await;
        let code = self.code(&page).await;
        self.redeem(&code).await.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn suspend(&self) {
        let badge = self.phone.badge.clone();
        let unit = self.platform.store.write(move |tx| {
            Box::pin(
                async move { lifecycle::suspend(tx, &badge, &By::system(), lifecycle::Reason::Loss).await },
            )
        });
        unit.await.unwrap();
    }

    pub(crate) async fn resume(&self) {
        let badge = self.phone.badge.clone();
        let unit = self.platform.store.write(move |tx| {
            Box::pin(
                async move { lifecycle::resume(tx, &badge, &By::system(), lifecycle::Reason::Found).await },
            )
        });
        unit.await.unwrap();
    }

    pub(crate) async fn execute(
        &self,
        sql: &'static str,
        params: Vec<crate::operations::store::Value>,
    ) -> u64 {
        let unit =
            self.platform.store.write(move |tx| Box::pin(async move { tx.execute(sql, params).await }));
        unit.await.unwrap()
    }
}

/// A browser with the login page open.
#[derive(Debug)]
pub(crate) struct Browser {
    pub(crate) html: String,
    pub(crate) cookie: String,
    pub(crate) login: String,
    pub(crate) number: String,
    /// What the QR says.
    pub(crate) scan: String,
    /// The link for the same device.
    pub(crate) here: String,
}

impl Browser {
    pub(crate) fn of(reply: Reply) -> Browser {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap();
        for attribute in ["__Host-mapae-browser=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{cookie} has no {attribute}");
        }
        let html = reply.body;
        let number = html.split("login-digits\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        Browser {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            login: attribute(&html, "data-login"),
            scan: attribute(&html, "data-scan"),
            here: html
                .split("data-link href=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .replace("&#38;", "&"),
            number,
            html,
        }
    }

    pub(crate) fn go_on(&self) -> String {
        format!("/login/continue?login={}", self.login)
    }

    pub(crate) async fn poll(&self, world: &World, draw: i64) -> Reply {
        self.poll_with(world, draw, &self.cookie).await
    }

    pub(crate) async fn poll_with(&self, world: &World, draw: i64, cookie: &str) -> Reply {
        let body = json!({ "login": self.login, "draw": draw });
        world.post_json("/login/poll", &body, &[(header::COOKIE, cookie)]).await
    }
}

/// The value of a data attribute, unescaped.
pub(crate) fn attribute(html: &str, name: &str) -> String {
    let rest = html.split(&format!("{name}=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in the page"));
    rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

/// A request object as the wallet holds it.
pub(crate) struct Asked {
    pub(crate) text: String,
    pub(crate) request: VerifiedRequest,
}

impl Phone {
    /// Enters a badge with one copy in the register and an active account.
    pub(crate) async fn with_badge(platform: &TestPlatform, employee: &str, link_id: &str) -> Phone {
        let desk = crate::issuance::desk(platform).unwrap();
        let did = desk.did().to_owned();
        let now_ms = platform.now_ms();
        let week = Week::of(now_ms / 1_000);
        let badge = crate::operations::id::new();
        let account = crate::operations::id::new();
        let (badge_id, account_id, employee_id, issuing_did) =
            (badge.clone(), account.clone(), employee.to_owned(), did.clone());
        let slot = platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let slot = lifecycle::reserve_slot(tx, &issuing_did).await?;
                    let new = NewBadge {
                        id: badge_id,
                        employee_id: employee_id.clone(),
                        account_id: Some(account_id.clone()),
                        application_id: None,
                        kind: "first".to_owned(),
                        credential_type: "badge".to_owned(),
                        issuing_did,
                        slot,
                        replaces: None,
                        copy_week: week.start(),
                        copies: 1,
                        issued_at: now_ms,
                        valid_until: now_ms + 94_608_000_000,
                    };
                    tx.execute(
                        "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, \
                         pin_generation, pin_right_at, sequence, tries, charged_at, created_at) \
                         VALUES ($1, $2, $3, 'pending', $4, $5, 0, 0, 0, 0, 0, $6)",
                        params![
                            account_id.as_str(),
                            employee_id.as_str(),
                            "a",
                            vec![4_u8; 65],
                            account_id.as_str(),
                            now_ms
                        ],
                    )
                    .await?;
                    lifecycle::create(tx, &new, &By::system()).await?;
                    Ok::<i64, lifecycle::ChangeError>(slot)
                })
            })
            .await
            .unwrap();
        let claims = lifecycle::status::claims_for(platform, &did, slot, week, 0, 1).await.unwrap().unwrap();
        let status = claims[0].clone();
        let holder = Arc::new(SecretKey::generate());
        let signer = platform.keys.signer(KeyName::Issuer).unwrap();
        let chain = platform.keys.chain(KeyName::Issuer);
        let credential = issue(platform, &*signer, &chain, &holder, &status, link_id);
        Phone { badge, account, holder, credential, status }
    }

    /// Fetches the request of a link and judges it as a wallet does.
    pub(crate) async fn fetch(&self, world: &World, link: &str) -> Asked {
        let reply = self.try_fetch(world, link).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        self.judge(world, link, reply.body)
    }

    pub(crate) async fn try_fetch(&self, world: &World, link: &str) -> Reply {
        let RequestLink::ByReference { request_uri, method, .. } = RequestLink::parse(link).unwrap() else {
            panic!("no reference: {link}");
        };
        assert_eq!(method, FetchMethod::Post);
        let form = Form::parse(FetchMethod::post_body("the-wallets-nonce-0123456789").as_bytes()).unwrap();
        world.post_form(&request_uri, &form, &[]).await
    }

    fn judge(&self, world: &World, link: &str, text: String) -> Asked {
        let RequestLink::ByReference { client_id, .. } = RequestLink::parse(link).unwrap() else { panic!() };
        let expected = Expected {
            fetched: Fetched { client_id: &client_id, wallet_nonce: Some("the-wallets-nonce-0123456789") },
            anchors: std::slice::from_ref(world.platform.keys.root()),
            did_key: None,
            audience: None,
            transaction_types: &[openid::vp::APPROVE],
            allow_unsigned: false,
            now: world.platform.now_ms() / 1_000,
        };
        let request = VerifiedRequest::verify(&text, &expected).unwrap();
        Asked { text, request }
    }

    /// Gives the account its passkey, or other evidence to the one it has.
    pub(crate) async fn has_passkey(&self, world: &World, evidence: &str) {
        world
            .execute(
                "INSERT INTO account_passkey (id, onboarding_id, account_id, credential_id, public_key, user_handle, \
                 evidence, attestation, aaguid, prf, sign_count, created_at) \
                 VALUES ($1, $1, $1, $1, $2, $1, $3, 'packed', '', 1, 0, 0) \
                 ON CONFLICT (account_id) DO UPDATE SET evidence = $3",
                params![self.account.as_str(), vec![4_u8; 65], evidence],
            )
            .await;
    }

    /// What the account role would record once device key or PIN were judged.
    pub(crate) async fn approve(&self, world: &World, asked: &Asked, number: Option<&str>, level: Level) {
        let covered = openid::approval::approved_part(&asked.text).unwrap();
        let hash = keys::encoding::b64url_encode(&keys::sha256(covered.as_bytes()));
        let now_ms = world.platform.now_ms();
        let level = if level == Level::Pin { "pin" } else { "base" };
        world
            .execute(
                "INSERT INTO account_approval (request_hash, account_id, badge_id, level, number, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                params![
                    hash,
                    self.account.as_str(),
                    self.badge.as_str(),
                    level,
                    number.map(str::to_owned),
                    now_ms,
                    now_ms + 300_000
                ],
            )
            .await;
    }

    /// Discloses what is asked for, bound to the request, encrypted.
    pub(crate) async fn present(&self, world: &World, asked: &Asked) -> Reply {
        let bound = self.bind(
            asked,
            asked.request.nonce(),
            asked.request.client_id(),
            world.platform.now_ms() / 1_000,
        );
        self.answer(world, asked, bound).await
    }

    /// A presentation bound to a nonce and an audience.
    pub(crate) fn bind(&self, asked: &Asked, nonce: &str, audience: &str, issued_at: i64) -> String {
        let wanted = asked.request.query().to_value()["credentials"][0]["claims"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let paths: Vec<ClaimPath> = wanted
            .iter()
            .filter_map(|claim| claim["path"][0].as_str())
            .filter(|name| *name != "position")
            .map(ClaimPath::claim)
            .collect();
        let token = SdJwt::parse(&self.credential).unwrap();
        let binding = KeyBinding { nonce, audience, issued_at, transaction_data_hashes: &[] };
        let bound = token.select(&paths).unwrap().key_binding(&binding);
        let signature = self.holder.sign(bound.as_bytes()).unwrap();
        bound.finish(&signature)
    }

    pub(crate) async fn answer(&self, world: &World, asked: &Asked, presentation: String) -> Reply {
        let mut token = VpToken::default();
        token.push("badge", presentation);
        let post = asked.request.respond(&token).unwrap();
        world.post_form(&post.url, &post.form, &[]).await
    }
}

/// A copy of a badge with every claim.
pub(crate) fn issue(
    platform: &TestPlatform,
    signer: &dyn Signer,
    chain: &[Vec<u8>],
    holder: &SecretKey,
    status: &StatusClaim,
    link_id: &str,
) -> String {
    let desk = crate::issuance::desk(platform).unwrap();
    let issuer = Issuer::new(platform.config.public.origin(), &format!("{}#issuer", desk.did()), chain);
    let mut claims = Claims::new();
    let bilingual = |ko: &str, en: &str| json!({ "ko": ko, "en": en });
    for (name, value) in [
        ("family_name", bilingual("김", "Kim")),
        ("given_name", bilingual("예시", "Yesi")),
        ("name", bilingual(NAME, "Kim Yesi")),
        ("birth_date", json!("1990-01-01")),
        ("agency_name", bilingual("예시부", "Ministry of Examples")),
        ("inst_code", json!("1741000")),
        ("department", bilingual("디지털정부과", "Digital Government Division")),
        ("employee_number", json!("2026-00001")),
        ("link_id", json!(link_id)),
    ] {
        claims.selective(name, &value).unwrap();
    }
    let week = Week::of(platform.now_ms() / 1_000);
    let issuance = Issuance {
        issuer: &issuer,
        vct: &desk.badge().vct,
        claims: &claims,
        holder: holder.public_key(),
        status: Some(status),
        issued_at: week.start(),
        expires_at: week.start() + 14 * 86_400,
    };
    sd_jwt::issue(&issuance, signer).unwrap()
}

/// Counts rows.
pub(crate) async fn count(world: &World, sql: &'static str) -> i64 {
    let row: Result<_, StoreError> = world.platform.store.fetch_one(sql, params![]).await;
    row.unwrap().int("n").unwrap()
}
