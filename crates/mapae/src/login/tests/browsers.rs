//! Browsers enrolled by a passkey: enrolling one in the office, beginning a login with it anywhere, and everything that a
//! relay could try.

use axum::body::Body;
use http::{Request, StatusCode, header};
use openid::approval::Level;
use serde_json::{Value, json};

use super::support::{Browser, Phone, Reply, World, attribute, registration};
use crate::account::tests::authenticator::Authenticator;
use crate::application::tests::doors::{csrf_of, sign_in};
use crate::application::tests::{OFFICIAL, town_with};
use crate::login::NamedNetwork;
use crate::verification::relying_party::StartLevel;

const HOME: &str = "203.0.113.66";
const OFFICE: &str = "10.20.3.4";

/// An official at the portal, with a badge in a phone, and relying parties above level `low`.
struct Office {
    world: World,
    session: String,
    csrf: String,
}

async fn office() -> Office {
    let town = town_with(|config| {
        config.login.networks = vec![NamedNetwork::try_from("10.20.0.0/16=정부예시청사".to_owned()).unwrap()];
    })
    .await;
    town.account("gong", OFFICIAL).await;
    let session = sign_in(&town, false, "gong").await;
    let official = town.id(OFFICIAL).await;
    let mut world = World::on(town.platform).await;
    world.phone = Phone::with_badge(&world.platform, &official, "link-2").await;
    for (id, level) in [("substantial", StartLevel::Substantial), ("high", StartLevel::High)] {
        let mut party = registration(id);
        party.level = level;
        world.register(party).await;
    }
    let mut office = Office { world, session, csrf: String::new() };
    office.csrf = csrf_of(&office.page(OFFICE).await.body);
    office
}

impl Office {
    async fn page(&self, from: &str) -> Reply {
        let request = Request::get("/portal/browsers").header(header::COOKIE, &self.session);
        self.world.send_from(from, request.body(Body::empty()).unwrap()).await
    }

    async fn portal(&self, from: &str, path: &str, body: &Value) -> Reply {
        let request = Request::post(path)
            .header(header::COOKIE, &self.session)
            .header("x-csrf-token", &self.csrf)
            .header(header::CONTENT_TYPE, "application/json");
        self.world.send_from(from, request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn creation(&self) -> Value {
        let reply = self.portal(OFFICE, "/portal/browsers/options", &json!({})).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply.json()["options"].clone()
    }

    async fn keep(&self, name: &str, made: &Value) -> Reply {
        let body = json!({ "name": name, "credential": { "id": made["id"], "response": {
            "clientDataJSON": made["response"]["clientDataJSON"],
            "attestationObject": made["response"]["attestationObject"],
        } } });
        self.portal(OFFICE, "/portal/browsers/enrol", &body).await
    }

    /// A browser with a passkey that is enrolled.
    async fn enrolled(&self) -> Authenticator {
        let mut authenticator = Authenticator::new();
        authenticator.counter = 1;
        self.enrol(&mut authenticator).await;
        authenticator
    }

    async fn enrol(&self, authenticator: &mut Authenticator) {
        let made = authenticator.create(&self.creation().await);
        let reply = self.keep("예시 노트북", &made).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.body);
    }

    /// The login page at home: no QR.
    async fn open(&self, client_id: &str) -> Waiting {
        let form =
            self.world.request().encode().replace("client_id=portal", &format!("client_id={client_id}"));
        let request = Request::get(format!("/oidc/authorize?{form}")).body(Body::empty()).unwrap();
        let reply = self.world.send_from(HOME, request).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        assert!(!reply.body.contains("data-scan") && reply.body.contains("/login/browser?login="));
        let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
        Waiting { cookie: cookie.to_owned(), login: attribute(&reply.body, "data-login") }
    }

    async fn post(&self, path: &str, cookie: &str, body: &Value) -> Reply {
        self.world.post_json(path, body, &[(header::COOKIE, cookie)]).await
    }

    async fn options(&self, waiting: &Waiting) -> Value {
        let reply =
            self.post("/login/browser/options", &waiting.cookie, &json!({ "login": waiting.login })).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply.json()["options"].clone()
    }

    async fn begin(&self, waiting: &Waiting, signed: &Value) -> Reply {
        self.post("/login/browser/start", &waiting.cookie, &beginning(&waiting.login, signed)).await
    }

    /// The page with its QR, after the passkey has signed.
    async fn drawn(&self, waiting: &Waiting, authenticator: &mut Authenticator) -> Browser {
        let signed = authenticator.get(&self.options(waiting).await);
        let begun = self.begin(waiting, &signed).await;
        assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
        let mut page = self.world.get(begun.json()["next"].as_str().unwrap(), Some(&waiting.cookie)).await;
        // The browser has its cookie already; the page reads it back from here.
        let cookie = format!("{}; Path=/; Secure; HttpOnly; SameSite=Lax", waiting.cookie);
        page.headers.insert(header::SET_COOKIE, cookie.parse().unwrap());
        Browser::of(page)
    }
}

fn beginning(login: &str, signed: &Value) -> Value {
    json!({ "login": login, "credential": { "id": signed["id"], "response": {
        "clientDataJSON": signed["response"]["clientDataJSON"],
        "authenticatorData": signed["response"]["authenticatorData"],
        "signature": signed["response"]["signature"],
    } } })
}

struct Waiting {
    cookie: String,
    login: String,
}

#[tokio::test]
async fn enrolled_in_the_office_a_browser_begins_a_login_at_home_and_its_owner_approves() {
    let office = office().await;
    let mut authenticator = office.enrolled().await;
    let listed = office.page(HOME).await.body;
    assert!(listed.contains("예시 노트북") && listed.contains("정부예시청사"), "{listed}");
    for party in ["substantial", "high"] {
        let waiting = office.open(party).await;
        let page = office.drawn(&waiting, &mut authenticator).await;
        let asked = office.world.phone.fetch(&office.world, &page.scan).await;
        let context = &asked.request.parameters().extra[openid::approval::PARAMETER];
        assert_eq!(context["place"], "내가 등록한 브라우저");
        office.world.phone.approve(&office.world, &asked, Some(&page.number), Level::Base).await;
        let presented = office.world.phone.present(&office.world, &asked).await;
        assert_eq!(presented.status, StatusCode::OK, "{}", presented.body);
        let gone_on = office.world.get(&page.go_on(), Some(&page.cookie)).await;
        assert!(gone_on.parameter("code").is_some(), "{}", gone_on.body);
        office.world.execute("DELETE FROM account_approval", Vec::new()).await;
    }
}

#[tokio::test]
async fn a_qr_of_an_enrolled_browser_is_approved_by_its_owners_badge_and_by_no_other() {
    let office = office().await;
    let mut authenticator = office.enrolled().await;
    let waiting = office.open("high").await;
    let page = office.drawn(&waiting, &mut authenticator).await;
    // The attacker enrolled a browser of their own and relays its QR and number to a victim, who approves.
    let victim = Phone::with_badge(&office.world.platform, "the-victim", "link-3").await;
    let asked = victim.fetch(&office.world, &page.scan).await;
    victim.approve(&office.world, &asked, Some(&page.number), Level::Base).await;
    let refused = victim.present(&office.world, &asked).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "login_other_person"));
    let still = office.world.get(&page.go_on(), Some(&page.cookie)).await;
    assert!(still.headers.get(header::LOCATION).is_none(), "nothing was granted");
    let asked = office.world.phone.fetch(&office.world, &page.scan).await;
    office.world.phone.approve(&office.world, &asked, Some(&page.number), Level::Base).await;
    assert_eq!(office.world.phone.present(&office.world, &asked).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_live_proxy_gets_no_qr_out_of_a_victims_passkey() {
    let office = office().await;
    let mut authenticator = office.enrolled().await;
    let proxy = office.open("high").await;
    let options = office.options(&proxy).await;
    // On the proxy's page the victim's browser signs for the proxy's origin, if it signs at all.
    authenticator.origin = "https://badge.evil.example".to_owned();
    let refused = office.begin(&proxy, &authenticator.get(&options)).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "passkey_origin"));
    // A passkey that nobody enrolled, also under the name of one that somebody did.
    let mut strange = Authenticator::new();
    let unknown = office.begin(&proxy, &strange.get(&options)).await;
    assert_eq!(unknown.code(), "login_browser_unknown");
    let mut pretender = strange.pretending_to_be(&authenticator);
    let forged = office.begin(&proxy, &pretender.get(&options)).await;
    assert_eq!(forged.code(), "passkey_refused");
    let login = json!({ "login": proxy.login, "draw": 99 });
    let polled = office.post("/login/poll", &proxy.cookie, &login).await.json();
    assert!(polled.get("qr").is_none() && polled.get("scan").is_none(), "{polled}");
}

#[tokio::test]
async fn what_a_passkey_signed_counts_once_for_one_login_in_one_browser() {
    let office = office().await;
    let mut authenticator = office.enrolled().await;
    let (one, other) = (office.open("high").await, office.open("high").await);
    let signed = authenticator.get(&office.options(&one).await);
    let elsewhere = office.begin(&other, &signed).await;
    assert_eq!(elsewhere.code(), "passkey_challenge", "a signature for one login begins no other");
    let stolen = office.post("/login/browser/start", &other.cookie, &beginning(&one.login, &signed)).await;
    assert_eq!(stolen.code(), "login_browser_state", "another browser's login");
    assert_eq!(office.begin(&one, &signed).await.status, StatusCode::OK);
    let again = office.begin(&one, &signed).await;
    assert_eq!(again.code(), "passkey_challenge", "replayed");
    // A copy whose counter stayed behind.
    let mut copy = authenticator.copy();
    copy.counter = 1;
    let third = office.open("high").await;
    authenticator.counter = 9;
    let fourth = office.open("high").await;
    let ahead = authenticator.get(&office.options(&fourth).await);
    assert_eq!(office.begin(&fourth, &ahead).await.status, StatusCode::OK);
    let behind = copy.get(&office.options(&third).await);
    assert_eq!(office.begin(&third, &behind).await.code(), "passkey_counter");
}

#[tokio::test]
async fn of_64_racing_answers_of_a_passkey_one_begins_the_login() {
    let office = std::sync::Arc::new(office().await);
    let mut authenticator = office.enrolled().await;
    authenticator.counter = 5;
    let waiting = std::sync::Arc::new(office.open("substantial").await);
    let signed = authenticator.get(&office.options(&waiting).await);
    let racing = (0..64).map(|_| {
        let (office, waiting, signed) = (office.clone(), waiting.clone(), signed.clone());
        tokio::spawn(async move { office.begin(&waiting, &signed).await })
    });
    let mut begun = 0;
    for one in futures::future::join_all(racing).await {
        let one = one.unwrap();
        match one.status {
            StatusCode::OK => begun += 1,
            _ => assert_eq!(one.code(), "passkey_challenge"),
        }
    }
    assert_eq!(begun, 1);
}

#[tokio::test]
async fn removed_or_half_a_year_old_it_begins_nothing_and_a_copied_passkey_not_at_the_highest_level() {
    let office = office().await;
    let mut synced = Authenticator::new();
    synced.synced = true;
    office.enrol(&mut synced).await;
    let high = office.open("high").await;
    let signed = synced.get(&office.options(&high).await);
    assert_eq!(office.begin(&high, &signed).await.code(), "login_browser_synced");
    let substantial = office.open("substantial").await;
    office.drawn(&substantial, &mut synced).await;

    let mut authenticator = office.enrolled().await;
    let waiting = office.open("substantial").await;
    let signed = authenticator.get(&office.options(&waiting).await);
    let page = office.page(HOME).await.body;
    for part in page.split("/portal/browsers/").skip(1).filter(|part| part.contains("/end\"")) {
        let path = format!("/portal/browsers/{}", part.split('"').next().unwrap());
        let request = Request::post(path)
            .header(header::COOKIE, &office.session)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("csrf={}", office.csrf)))
            .unwrap();
        assert_eq!(office.world.send(request).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(office.begin(&waiting, &signed).await.code(), "login_browser_unknown", "removed");

    let mut old = office.enrolled().await;
    office.world.platform.clock.advance_ms(180 * 86_400_000);
    let waiting = office.open("substantial").await;
    let signed = old.get(&office.options(&waiting).await);
    assert_eq!(office.begin(&waiting, &signed).await.code(), "login_browser_unknown", "its time is over");
}

#[tokio::test]
async fn a_browser_is_enrolled_in_the_office_by_whoever_has_a_badge_and_nowhere_else() {
    let office = office().await;
    let away = office.portal(HOME, "/portal/browsers/options", &json!({})).await;
    assert_eq!((away.status, away.code().as_str()), (StatusCode::FORBIDDEN, "login_browser_network"));
    assert!(office.page(HOME).await.body.contains("업무망 안에서만"));
    let mut authenticator = Authenticator::new();
    let options = office.creation().await;
    let made = authenticator.create(&options);
    let body = json!({ "name": "집", "credential": { "id": made["id"], "response": {
        "clientDataJSON": made["response"]["clientDataJSON"],
        "attestationObject": made["response"]["attestationObject"],
    } } });
    let carried_home = office.portal(HOME, "/portal/browsers/enrol", &body).await;
    assert_eq!(carried_home.code(), "login_browser_network");
    assert_eq!(office.keep(" ", &made).await.code(), "login_browser_name");
    assert_eq!(office.keep(&"가".repeat(41), &made).await.code(), "login_browser_name");
    authenticator.user_verified = false;
    assert_eq!(office.keep("책상", &authenticator.create(&options)).await.code(), "passkey_not_verified");
    authenticator.user_verified = true;
    authenticator.origin = "https://badge.evil.example".to_owned();
    assert_eq!(office.keep("책상", &authenticator.create(&options)).await.code(), "passkey_origin");
    assert_eq!(office.keep("책상", &made).await.status, StatusCode::NO_CONTENT);
    assert_eq!(office.keep("책상", &made).await.code(), "passkey_challenge", "a challenge is used once");
    authenticator.origin = "http://localhost:8600".to_owned();
    let twice = authenticator.create(&office.creation().await);
    assert_eq!(office.keep("책상", &twice).await.code(), "passkey_in_use");
    office.world.suspend().await;
    let suspended = Authenticator::new().create(&office.creation().await);
    assert_eq!(office.keep("책상", &suspended).await.code(), "login_browser_no_badge");
}

#[tokio::test]
async fn of_many_racing_enrolments_five_are_kept() {
    let office = std::sync::Arc::new(office().await);
    let mut made = Vec::new();
    for _ in 0..24 {
        made.push(Authenticator::new().create(&office.creation().await));
    }
    let racing = made.into_iter().map(|made| {
        let office = office.clone();
        tokio::spawn(async move { office.keep("예시", &made).await })
    });
    let mut kept = 0;
    for one in futures::future::join_all(racing).await {
        let one = one.unwrap();
        match one.status {
            StatusCode::NO_CONTENT => kept += 1,
            _ => assert_eq!(one.code(), "login_browser_too_many"),
        }
    }
    assert_eq!((kept, crate::login::browser::all(&office.world.platform.store).await.unwrap()), (5, 5));
}

#[tokio::test]
async fn in_the_office_and_at_level_low_no_passkey_is_asked_for() {
    let office = office().await;
    let form = office.world.request().encode();
    for (from, form) in [(OFFICE, form.replace("client_id=portal", "client_id=high")), (HOME, form.clone())] {
        let request = Request::get(format!("/oidc/authorize?{form}")).body(Body::empty()).unwrap();
        let page = office.world.send_from(from, request).await;
        assert!(page.body.contains("data-scan") && !page.body.contains("/login/browser?login="));
        let login = attribute(&page.body, "data-login");
        let cookie = page.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let needless = office.post("/login/browser/options", &cookie, &json!({ "login": login })).await;
        assert_eq!(needless.code(), "login_browser_not_needed");
    }
}
