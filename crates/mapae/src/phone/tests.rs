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
    assert_eq!(phone.receive(Some(&link), Some(&code)).await.unwrap(), 20);

    let shown = phone.show(true).await.unwrap();
    let checked = shown[0].checked.as_ref().unwrap();
    assert!(checked.issuer_signature && checked.key_binding);
    assert_eq!(checked.status, wallet::check::OwnStatus::Valid);
    assert_eq!((shown[0].unused_copies, shown[0].name_ko.as_str()), (20, "모바일 공무원증"));
    assert_eq!(phone.verify().await.unwrap()["status"], "valid");

    let again = phone.receive(Some(&link), Some(&code)).await.unwrap_err();
    assert_eq!(again.to_json(Language::En)["ok"], json!(false));
    assert_eq!(phone.wallet().state().holdings[0].copies.len(), 20, "nothing is lost by a spent offer");
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
