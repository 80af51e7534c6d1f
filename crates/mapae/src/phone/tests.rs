use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::issuance::{Order, offer_for_application};
use crate::operations::server::Server;
use crate::operations::{Language, language, params};
use crate::testing::{self, TestPlatform};

/// A server on a port of its own, and what its people need.
struct Ground {
    test: TestPlatform,
    server: Server,
}

impl Ground {
    async fn lay() -> Ground {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let test = testing::platform_with(|config| {
            config.public.listen = address;
            config.public.base_url = format!("http://{address}").parse().unwrap();
        })
        .await;
        let server = Server::start(Arc::clone(&test.platform)).await.unwrap();
        Ground { test, server }
    }

    async fn phone(&self) -> Phone {
        let http = HttpClient::new(Language::Ko).unwrap();
        let clock: Arc<dyn crate::operations::Clock> = Arc::<testing::TestClock>::clone(&self.test.clock);
        Phone::in_memory_with(http, clock).await.unwrap()
    }

    /// An approved application of that official, offered to any standard wallet: link and transaction code.
    async fn offer(&self, employee: &str) -> (String, String) {
        let platform = Arc::clone(&self.test.platform);
        let order = Order {
            employee_id: employee.to_owned(),
            application_id: crate::operations::id::new(),
            kind: "first".to_owned(),
            approved_at: platform.now_ms(),
        };
        let (offer, code) = self
            .test
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "INSERT INTO application (id, employee_id, agency_code, department_id, head_department_id, \
                         kind, state, state_since_at, created_at, ends_at) \
                         VALUES ($1, $2, 'agency', 'department', 'department', 'first', 'issue_approved', $3, $3, $4)",
                        params![
                            &order.application_id,
                            &order.employee_id,
                            order.approved_at,
                            order.approved_at + 86_400_000
                        ],
                    )
                    .await?;
                    offer_for_application(tx, &platform, &order).await
                })
            })
            .await
            .unwrap();
        (offer.link, code)
    }
}

#[tokio::test]
async fn a_standard_wallet_receives_a_badge_over_http_and_checks_it_as_a_verifier_would() {
    let ground = Ground::lay().await;
    let people = ground.test.people(1).await;
    let (link, code) = ground.offer(&people[0]).await;
    let mut phone = ground.phone().await;

    let untrusted = phone.receive(Some(&link), Some(&code)).await.unwrap_err();
    assert_eq!(untrusted.code(), "no_trust_anchor", "nobody vouches for an issuer yet");
    phone.trust(ground.test.keys.root().der()).await.unwrap();
    let wrong = phone.receive(Some(&link), Some("00000000")).await.unwrap_err();
    assert_eq!(
        (wrong.code(), wrong.tries_left(), wrong.kind()),
        ("tx_code_wrong", Some(4), fault::Kind::Wrong)
    );
    assert_eq!(phone.receive(Some(&link), Some(&code)).await.unwrap(), 25, "20 as SD-JWT VC, 5 as mdoc");

    let shown = phone.show(true).await.unwrap();
    for (one, format, copies) in [(&shown[0], "dc+sd-jwt", 20), (&shown[1], "mso_mdoc", 5)] {
        let checked = one.checked.as_ref().unwrap();
        assert!(checked.issuer_signature && checked.key_binding, "{format}");
        assert_eq!(checked.status, wallet::check::OwnStatus::Valid);
        assert_eq!(
            (one.format.as_str(), one.unused_copies, one.name_ko.as_str()),
            (format, copies, "모바일 공무원증")
        );
    }
    assert_eq!(shown[0].claims["name"], shown[1].claims["name"], "both say the same");
    assert_eq!(phone.verify().await.unwrap()["status"], "valid");

    let again = phone.receive(Some(&link), Some(&code)).await.unwrap_err();
    assert_eq!(again.to_json(Language::En)["ok"], json!(false));
    assert_eq!(phone.wallet().state().holdings[0].copies.len(), 20, "nothing is lost by a spent offer");
    ground.server.stop().await;
}

/// A relying party asks for the badge as a mobile document; the same phone answers from its other copies.
#[tokio::test]
async fn a_badge_is_shown_as_a_mobile_document_to_whoever_asks_for_one() {
    let ground = Ground::lay().await;
    let people = ground.test.people(1).await;
    let (link, code) = ground.offer(&people[0]).await;
    let mut phone = ground.phone().await;
    phone.trust(ground.test.keys.root().der()).await.unwrap();
    phone.receive(Some(&link), Some(&code)).await.unwrap();

    let registration = crate::login::tests::support::registration("reader");
    let key = crate::verification::cli::register(&ground.test, registration).await.unwrap().api_key.unwrap();
    let base = ground.test.config.public.origin().to_owned();
    let http = reqwest::Client::new();
    let create = async |claims: serde_json::Value| -> serde_json::Value {
        let query = json!({ "credentials": [{ "id": "doc", "format": "mso_mdoc",
            "meta": { "doctype_value": "io.mapae.badge.1" }, "claims": claims }] });
        let sent = http.post(format!("{base}/api/v1/verifications")).bearer_auth(&key);
        sent.json(&json!({ "dcql_query": query })).send().await.unwrap().json().await.unwrap()
    };
    for path in
        [json!(["io.mapae.badge.1", "link_id"]), json!(["org.iso.18013.5.1", "name"]), json!(["name", "ko"])]
    {
        let refused = create(json!([{ "path": path }])).await;
        assert!(refused["type"].as_str().unwrap().contains("verification"), "{path}: {refused}");
    }
    let made = create(
        json!([{ "path": ["io.mapae.badge.1", "name"] }, { "path": ["io.mapae.badge.1", "inst_code"] }]),
    )
    .await;
    let asked = phone.ask(made["link"].as_str().unwrap()).await.unwrap();
    let credential = &asked.consent().credentials[0];
    assert_eq!(credential.vct, "io.mapae.badge.1");
    let labels: Vec<&str> = credential.claims.iter().map(|claim| claim.label_ko.as_str()).collect();
    assert_eq!(labels, ["성명", "기관 코드"]);
    let answered = phone.answer(&asked, wallet::present::Choice::default()).await.unwrap();
    assert!(!answered.reused_copy);

    let at = format!("{base}/api/v1/verifications/{}", made["id"].as_str().unwrap());
    let result: serde_json::Value =
        http.get(at).bearer_auth(&key).send().await.unwrap().json().await.unwrap();
    assert_eq!((&result["state"], &result["type"]), (&json!("verified"), &json!("io.mapae.badge.1")));
    let told = result["claims"]["io.mapae.badge.1"].as_object().unwrap();
    assert_eq!(told.keys().collect::<Vec<_>>(), ["inst_code", "name"], "what was asked for and nothing else");
    assert_eq!(result["waived"], json!([]));
    let unused = |format: &str| {
        let shown = phone.wallet().shown();
        shown.iter().find(|one| one.format == format).unwrap().unused_copies
    };
    assert_eq!((unused("mso_mdoc"), unused("dc+sd-jwt")), (4, 20), "a document was used up, no other copy");
    ground.server.stop().await;
}

#[tokio::test]
async fn a_vault_in_a_folder_is_there_again_and_held_by_one_process() {
    let folder = std::env::temp_dir().join(format!("mapae-phone-{}", crate::operations::id::new()));
    let http = || HttpClient::new(Language::Ko).unwrap();
    assert_eq!(Phone::open(&folder, &Unlock::KeyFile, http()).await.unwrap_err().code(), "vault_missing");
    let phone = Phone::create_with(&folder, &Unlock::KeyFile, http()).await.unwrap();
    assert_eq!(Phone::open(&folder, &Unlock::KeyFile, http()).await.unwrap_err().code(), "vault_in_use");
    drop(phone);
    assert_eq!(
        Phone::create_with(&folder, &Unlock::KeyFile, http()).await.unwrap_err().code(),
        "vault_exists",
        "an old vault is never locked under a new key"
    );
    assert!(Phone::open(&folder, &Unlock::KeyFile, http()).await.is_ok());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_error_sentence_has_a_sentence_on_what_to_do_next() {
    let texts: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(include_str!("../../locales/ko/phone.json")).unwrap();
    let codes: Vec<&str> = texts.keys().filter_map(|key| key.strip_prefix("phone.error.")).collect();
    assert!(codes.len() > 50);
    for code in codes {
        assert!(language::knows(&format!("phone.next.{code}")), "{code}");
    }
    for error in [PhoneError::Nothing, PhoneError::InUse, PhoneError::Declined, PhoneError::InstallLink] {
        assert!(language::knows(&format!("phone.error.{}", error.code())), "{}", error.code());
    }
}

#[test]
fn a_load_tool_may_run_phones_on_a_thread_pool() {
    fn sendable<T: Send>(_: &T) {}
    async fn all(phone: &mut Phone) {
        let _ = phone.receive(None, None).await;
        let _ = phone.login("", "", None).await;
        let _ = phone.register("").await;
        let _ = phone.show(true).await;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let http = reqwest::Client::new();
    let mut phone = runtime.block_on(Phone::in_memory(http)).unwrap();
    sendable(&all(&mut phone));
}
