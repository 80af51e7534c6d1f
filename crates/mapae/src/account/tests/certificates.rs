//! 재직증명서 on the phone: asked for, printed, fetched and shared by the device key, and never by another's.

use std::collections::BTreeMap;

use keys::jws::Header;
use serde_json::{Value, json};
use signing::check::{Revocations, Trust, Verdict, check_pdf};
use wallet::account::messages::{
    CertificateStanding, CertificateState, PrintLanguage, PrintedCertificate, Words,
};

use super::documents::{account_of, official, suspend};
use super::*;
use crate::application::tests::{COLLEAGUE, HR_ONE, OFFICIAL, Town, town};
use crate::personnel::demo_data;
use crate::{certificates, credentials};

const KIND: &str = "employment-certificate";

fn values(purpose: &str) -> BTreeMap<String, String> {
    [("purpose", purpose), ("recipient", "예시은행")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

/// Asks, and prints in Korean.
async fn printed(wallet: &Wallet<Phone>, purpose: &str) -> PrintedCertificate {
    let asked = wallet.ask_certificate(KIND, values(purpose)).await.unwrap();
    assert_eq!(asked.state, CertificateState::Approved, "what HR has on record is enough");
    let all = wallet.print_certificate(&asked.request, PrintLanguage::Ko).await.unwrap();
    all.printed.into_iter().find(|one| one.given.iter().any(|given| given.value == purpose)).unwrap()
}

async fn standing(wallet: &Wallet<Phone>, id: &str) -> PrintedCertificate {
    let all = wallet.certificates().await.unwrap();
    all.printed.into_iter().find(|one| one.id == id).unwrap()
}

fn code_of<T: std::fmt::Debug>(answer: Result<T, wallet::account::AccountError>) -> String {
    answer.unwrap_err().code().to_owned()
}

#[tokio::test]
async fn an_official_asks_on_the_phone_and_the_file_that_comes_is_sealed() {
    let town = town().await;
    let wallet = official(&town, OFFICIAL).await;
    let before = wallet.certificates().await.unwrap();
    let ids: Vec<&str> = before.kinds.iter().map(|kind| kind.id.as_str()).collect();
    assert_eq!(ids, [KIND, "career-certificate"]);
    let kind = before.kinds.iter().find(|kind| kind.id == KIND).unwrap();
    assert!(!kind.by_hr);
    assert_eq!(kind.name, Words { ko: "재직증명서".into(), en: "Certificate of Employment".into() });
    let fields: Vec<_> = kind.fields.iter().map(|field| (field.name.as_str(), field.required)).collect();
    assert_eq!(fields, [("recipient", true), ("purpose", true)]);
    assert!(before.requests.is_empty() && before.printed.is_empty());

    let one = printed(&wallet, "대출 신청").await;
    assert_eq!((one.title.as_str(), one.language), ("재직증명서", PrintLanguage::Ko));
    assert_eq!((one.standing, one.since), (CertificateStanding::Genuine, None));
    let pdf = wallet.certificate_file(&one.id).await.unwrap();
    let trust = Trust {
        anchors: std::slice::from_ref(town.keys.root()),
        crls: &[],
        now: town.now_ms() / 1_000,
        revocations: Revocations::Required,
    };
    assert_eq!(check_pdf(&pdf, &trust).verdict, Verdict::Genuine);

    // The other language is another certificate; each is printed once.
    let all = wallet.certificates().await.unwrap();
    assert_eq!(all.requests[0].printable, [PrintLanguage::En]);
    let request = all.requests[0].id.clone();
    for _ in 0..2 {
        let all = wallet.print_certificate(&request, PrintLanguage::En).await.unwrap();
        assert_eq!((all.printed.len(), all.requests[0].printable.len()), (2, 0));
    }
    // The list tells what the holder typed, and nothing else about the person.
    let told = serde_json::to_string(&wallet.certificates().await.unwrap()).unwrap();
    let person = demo_data::person(OFFICIAL);
    assert!(
        told.contains("대출 신청") && told.contains("예시은행") && !told.contains(&person.name),
        "{told}"
    );
}

#[tokio::test]
async fn what_hr_takes_back_stands_revoked_on_the_phone_with_the_reason() {
    let town = town().await;
    let wallet = official(&town, OFFICIAL).await;
    let one = printed(&wallet, "제출용").await;
    let request = wallet.certificates().await.unwrap().requests[0].id.clone();
    town.clock.advance_ms(60_000);
    credentials::revoke(&town, &town.actor(HR_ONE).await, &request, "잘못 발급").await.unwrap();
    let now = standing(&wallet, &one.id).await;
    assert_eq!((now.standing, now.since), (CertificateStanding::Revoked, Some(town.now_ms())));
    assert_eq!(now.reason.as_deref(), Some("잘못 발급"));
    assert_eq!(wallet.certificates().await.unwrap().requests[0].state, CertificateState::Revoked);
    assert_eq!(code_of(wallet.share_certificate(&one.id).await), "certificate_revoked");
    let again = wallet.print_certificate(&request, PrintLanguage::En).await;
    assert_eq!(code_of(again), "credential_not_approved");
}

#[tokio::test]
async fn another_official_sees_fetches_prints_and_shares_nothing_of_it() {
    let town = town().await;
    let wallet = official(&town, OFFICIAL).await;
    let stranger = official(&town, COLLEAGUE).await;
    let one = printed(&wallet, "제출용").await;
    let request = wallet.certificates().await.unwrap().requests[0].id.clone();
    let theirs = stranger.certificates().await.unwrap();
    assert!(theirs.requests.is_empty() && theirs.printed.is_empty());
    assert_eq!(code_of(stranger.certificate_file(&one.id).await), "certificate_unknown");
    assert_eq!(code_of(stranger.share_certificate(&one.id).await), "certificate_unknown");
    let print = stranger.print_certificate(&request, PrintLanguage::En).await;
    assert_eq!(code_of(print), "credential_request_unknown");
}

#[tokio::test]
async fn only_what_is_printed_can_be_asked_for_and_only_with_all_that_it_says() {
    let town = town().await;
    let wallet = official(&town, OFFICIAL).await;
    for kind in ["badge", "no-such-type"] {
        assert_eq!(code_of(wallet.ask_certificate(kind, values("x")).await), "certificate_no_document");
    }
    let mut some = values("제출용");
    some.remove("recipient");
    assert_eq!(code_of(wallet.ask_certificate(KIND, some).await), "credential_value");
    let long = wallet.ask_certificate(KIND, values(&"가".repeat(21))).await;
    assert_eq!(code_of(long), "credential_value");
}

/// A message of this phone, signed by hand so that it can be sent twice.
async fn by_hand(wallet: &Wallet<Phone>, town: &Town, typ: &str, message: Value) -> Value {
    let mut payload = json!({
        "aud": "http://localhost:8600", "account": account_of(wallet), "iat": town.now_ms() / 1_000,
        "jti": keys::random::token(),
    });
    payload.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    let key = device_key(wallet).await;
    json!({ "signed": keys::jws::sign(&key, &Header::es256(typ), payload.to_string().as_bytes()).unwrap() })
}

#[tokio::test]
async fn a_message_that_makes_something_counts_once() {
    let town = town().await;
    let wallet = official(&town, OFFICIAL).await;
    let ask = json!({ "kind": KIND, "values": values("제출용") });
    let ask = by_hand(&wallet, &town, "mapae-certificate-ask+jwt", ask).await;
    assert_eq!(post(wallet.shell(), "/certificates", ask.clone()).await.0, 200);
    let (status, refused) = post(wallet.shell(), "/certificates", ask).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("replayed")));
    assert_eq!(wallet.certificates().await.unwrap().requests.len(), 1);

    let one = printed(&wallet, "다른 제출용").await;
    let share = json!({ "document": one.id });
    let share = by_hand(&wallet, &town, "mapae-certificate-share+jwt", share).await;
    assert_eq!(post(wallet.shell(), "/certificates/links", share.clone()).await.0, 200);
    assert_eq!(post(wallet.shell(), "/certificates/links", share.clone()).await.0, 409);
    // What the path expects is what was signed.
    assert_eq!(post(wallet.shell(), "/certificates", share).await.0, 401);
}

#[tokio::test]
async fn a_link_that_the_phone_made_opens_once() {
    let town = town().await;
    let wallet = official(&town, OFFICIAL).await;
    let one = printed(&wallet, "제출용").await;
    let link = wallet.share_certificate(&one.id).await.unwrap();
    let token = link.address.rsplit('/').next().unwrap();
    assert_eq!(certificates::open(&town, token, &link.number).await.unwrap().id, one.id);
    assert!(certificates::open(&town, token, &link.number).await.is_err());
}

#[tokio::test]
async fn a_suspended_badge_asks_for_nothing() {
    let town = town().await;
    let wallet = official(&town, OFFICIAL).await;
    let one = printed(&wallet, "제출용").await;
    suspend(&town, &account_of(&wallet)).await;
    assert_eq!(code_of(wallet.certificates().await), "account_suspended");
    assert_eq!(code_of(wallet.certificate_file(&one.id).await), "account_suspended");
    assert_eq!(code_of(wallet.ask_certificate(KIND, values("x")).await), "account_suspended");
    // Before there is a badge there is nothing, either.
    let new = Enrolled::new().await;
    assert_eq!(code_of(new.wallet().await.certificates().await), "no_badge");
}
