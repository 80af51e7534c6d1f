//! A certificate from the request to the public page: printed once, answered by number, masked, revoked, over.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use certificate::number::Number;
use certificate::word::Word;
use futures::future::join_all;
use http::{Request as HttpRequest, header};
use http_body_util::BodyExt as _;
use keys::x509::{self, Certificate};
use tower::ServiceExt as _;

use signing::check::{Level, Report, Revocations, Trust, Verdict, check_pdf};

use super::{Answer, Asked, CheckError, Document, Printed, ShareError, Standing, check, open, print, share};
use crate::application::tests::{HR_ONE, OFFICIAL, Town, town};
use crate::credentials::{self, Request, RequestState};
use crate::operations::problem::Problem;
use crate::operations::{KeyName, Language, limits, server};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const TYPE: &str = "employment-certificate";

async fn asked(town: &Town, purpose: &str) -> Request {
    let typed: BTreeMap<String, String> =
        [("purpose", purpose), ("recipient", "예시은행")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let request = credentials::ask(town, &town.id(OFFICIAL).await, TYPE, &typed).await.unwrap();
    assert_eq!(request.state, RequestState::Approved, "what HR has on record is enough");
    request
}

async fn printed(town: &Town, request: &Request) -> Document {
    let me = town.id(OFFICIAL).await;
    let made = print(town, &me, &request.id, Language::Ko).await.unwrap();
    assert!(matches!(made, Printed::Now(_)));
    Document::of_employee(town, &me)
        .await
        .unwrap()
        .into_iter()
        .find(|one| one.request_id == request.id)
        .unwrap()
}

async fn answer(town: &Town, number: &str, birth_date: &str) -> Result<Answer, CheckError> {
    check(town, &Asked { number: number.to_owned(), birth_date: birth_date.to_owned() }, HERE).await
}

/// Standing, facts, and whether they are whole.
async fn known(town: &Town, number: &str, birth_date: &str) -> (Standing, Vec<(String, String)>, bool, bool) {
    match answer(town, number, birth_date).await.unwrap() {
        Answer::Known { standing, facts, whole, wrong_birth_date, .. } => {
            (standing, facts, whole, wrong_birth_date)
        }
        Answer::Unknown => panic!("the number is known"),
    }
}

#[tokio::test]
async fn what_is_printed_is_answered_masked_and_whole_with_the_birth_date() {
    let town = town().await;
    let document = printed(&town, &asked(&town, "대출 신청").await).await;
    let content = &document.content;
    let values: Vec<&str> = content.facts.iter().map(|(_, value)| value.as_str()).collect();
    assert!(
        values.contains(&"대출 신청")
            && values.contains(&"예시은행")
            && values.contains(&content.name.as_str())
    );
    assert_eq!((content.title.as_str(), content.issued.as_str()), ("재직증명서", "2026-11-24"));

    let (standing, facts, whole, wrong) = known(&town, &content.number, "").await;
    assert_eq!((standing, whole, wrong), (Standing::Genuine, false, false));
    let told = format!("{facts:?}");
    assert!(!told.contains(&content.name) && !told.contains("대출 신청") && told.contains('*'), "{told}");
    // However the number is typed.
    let typed = content.number.to_lowercase().replace('-', "");
    let (_, facts, whole, _) = known(&town, &typed, &content.birth_date.replace('-', ".")).await;
    assert_eq!((&facts, whole), (&content.facts, true));
    let (standing, facts, whole, wrong) = known(&town, &content.number, "1900-01-01").await;
    assert_eq!((standing, whole, wrong), (Standing::Genuine, false, true));
    assert!(!format!("{facts:?}").contains(&content.name));

    assert_eq!(answer(&town, &Number::random().to_string(), "").await.unwrap(), Answer::Unknown);
    assert!(matches!(answer(&town, "0000-0000-0000-0000-1", "").await, Err(CheckError::NotANumber { .. })));
}

fn judged(town: &Town, root: &Certificate, pdf: &[u8]) -> Report {
    let trust = Trust {
        anchors: std::slice::from_ref(root),
        crls: &[],
        now: town.now_ms() / 1_000,
        revocations: Revocations::Required,
    };
    check_pdf(pdf, &trust)
}

async fn file(town: &Town, document: &Document) -> Vec<u8> {
    Document::pdf(town, &town.id(OFFICIAL).await, &document.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_file_is_sealed_by_the_agency_and_checked_with_nothing_but_the_root() {
    let town = town().await;
    let document = printed(&town, &asked(&town, "제출용").await).await;
    let pdf = file(&town, &document).await;
    assert!(pdf.starts_with(b"%PDF-1.7"));
    let stranger = Document::pdf(&town, &town.id(HR_ONE).await, &document.id).await.unwrap();
    assert!(stranger.is_none(), "another's file");
    let report = judged(&town, town.keys.root(), &pdf);
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    let one = &report.signatures[0];
    assert_eq!((report.signatures.len(), one.level), (1, Some(Level::Lt)));
    let signer = one.signer.as_ref().unwrap();
    assert_eq!(signer.organization.as_deref(), Some(document.content.agency.as_str()));

    // One bit of what is drawn.
    let mut wrong = pdf.clone();
    let drawn = pdf.windows(6).position(|six| six == b"stream").unwrap() + 20;
    wrong[drawn] ^= 1;
    assert_eq!(judged(&town, town.keys.root(), &wrong).verdict, Verdict::Altered);
    // Another root did not issue this seal.
    let now_s = town.now_ms() / 1_000;
    let other =
        x509::root(&keys::SecretKey::generate(), "예시 남의 루트", now_s - 86_400, now_s + 86_400).unwrap();
    assert_eq!(judged(&town, &other, &pdf).verdict, Verdict::UnknownIssuer);
}

#[tokio::test]
async fn its_code_is_signed_by_the_issuing_key_and_fits_on_paper() {
    let town = town().await;
    let document = printed(&town, &asked(&town, "제출용").await).await;
    let me = town.id(OFFICIAL).await;
    let signer = town.keys.signer(KeyName::Issuer).unwrap();
    let values = crate::personnel::badge_claims(&town, &me).await.unwrap();
    let number = Number::parse(&document.content.number).unwrap();
    let text =
        document.content.word(&values, number).text("https://id.example/verify", signer.as_ref()).unwrap();
    assert!(text.len() <= certificate::word::MAX_TEXT, "{}", text.len());
    let (word, _) = Word::read(&text, &[signer.public_key().clone()]).unwrap();
    assert_eq!((word.name.as_str(), word.number), (document.content.name.as_str(), number));
    // Whoever opens the page is told that key, with the issuer's name and the version of the list that says so.
    let page = get(&town, "/verify").await.1;
    let jwk = signer.public_key().to_jwk();
    let x = serde_json::to_value(&jwk).unwrap()["x"].as_str().unwrap().to_owned();
    assert!(page.contains(&x), "{page}");
}

async fn get(town: &Town, path: &str) -> (u16, String) {
    let request = HttpRequest::get(path).body(Body::empty()).unwrap();
    let response = server::public_router(town).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn whoever_has_the_file_learns_how_it_stands_by_its_hash() {
    let town = town().await;
    let request = asked(&town, "제출용").await;
    let document = printed(&town, &request).await;
    let pdf = file(&town, &document).await;
    let path = format!("/verify/standing/{}", keys::encoding::hex_encode(&keys::sha256(&pdf)));
    let told =
        async |path: &str| serde_json::from_str::<serde_json::Value>(&get(&town, path).await.1).unwrap();
    let now = told(&path).await;
    assert_eq!((&now["standing"], &now["issued"]), (&"genuine".into(), &"2026-11-24".into()));
    assert!(!now.to_string().contains(&document.content.name), "nothing of whom it is: {now}");
    let other = format!("/verify/standing/{}", "0".repeat(64));
    assert_eq!(told(&other).await, serde_json::json!({ "standing": "unknown" }));
    assert_eq!(get(&town, "/verify/standing/zz").await.0, 404);

    credentials::revoke(&town, &town.actor(HR_ONE).await, &request.id, "잘못 발급").await.unwrap();
    let now = told(&path).await;
    assert_eq!((&now["standing"], &now["reason"]), (&"revoked".into(), &"잘못 발급".into()));
    assert_eq!(
        judged(&town, town.keys.root(), &pdf).verdict,
        Verdict::Genuine,
        "the signature itself holds for ever"
    );
}

#[tokio::test]
async fn a_certificate_is_printed_once_for_each_language_however_many_ask() {
    let town = town().await;
    let request = asked(&town, "제출용").await;
    let me = town.id(OFFICIAL).await;
    let all = join_all((0..8).map(|_| print(&town, &me, &request.id, Language::Ko))).await;
    let now = all.into_iter().filter(|made| matches!(made, Ok(Printed::Now(_)))).count();
    assert_eq!(now, 1);
    assert!(matches!(print(&town, &me, &request.id, Language::En).await, Ok(Printed::Now(_))));
    assert_eq!(print(&town, &me, &request.id, Language::En).await.unwrap(), Printed::Before);
    let documents = Document::of_employee(&town, &me).await.unwrap();
    assert_eq!(documents.len(), 2);
    assert!(documents.iter().any(|one| one.content.title == "Certificate of Employment"));
    let stranger = print(&town, &town.id(HR_ONE).await, &request.id, Language::Ko).await.unwrap_err();
    assert_eq!(Problem::from(stranger).code(), "credential_request_unknown");
}

#[tokio::test]
async fn after_a_revocation_the_number_says_so_and_why_and_nothing_more_is_printed() {
    let town = town().await;
    let request = asked(&town, "제출용").await;
    let document = printed(&town, &request).await;
    let hr = town.actor(HR_ONE).await;
    town.clock.advance_ms(60_000);
    credentials::revoke(&town, &hr, &request.id, "잘못 발급").await.unwrap();
    let (standing, ..) = known(&town, &document.content.number, "").await;
    let at = town.now_ms();
    assert_eq!(standing, Standing::Revoked { reason: Some("잘못 발급".to_owned()), at });
    let me = town.id(OFFICIAL).await;
    let refused = print(&town, &me, &request.id, Language::En).await.unwrap_err();
    assert_eq!(Problem::from(refused).code(), "credential_not_approved");
}

#[tokio::test]
async fn when_its_time_is_over_the_number_says_that_and_not_that_it_is_forged() {
    let town = town().await;
    let document = printed(&town, &asked(&town, "제출용").await).await;
    assert_eq!(document.online_until - document.issued_at, 90 * 86_400_000);
    town.clock.advance_ms(90 * 86_400_000);
    let (standing, ..) = known(&town, &document.content.number, "").await;
    assert_eq!(standing, Standing::Over { since: document.online_until });
}

#[tokio::test]
async fn nobody_reads_through_the_numbers() {
    let town = town().await;
    let document = printed(&town, &asked(&town, "제출용").await).await;
    let all = join_all((0..limits::CERTIFICATE_TRIES.get() + 20).map(|_| answer(&town, "0", ""))).await;
    let judged = all.iter().filter(|one| matches!(one, Err(CheckError::NotANumber { .. }))).count();
    assert_eq!(i64::try_from(judged).unwrap(), limits::CERTIFICATE_TRIES.get());
    assert!(matches!(answer(&town, &document.content.number, "").await, Err(CheckError::TooMany { .. })));
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
    let asked = Asked { number: document.content.number.clone(), birth_date: String::new() };
    assert!(check(&town, &asked, elsewhere).await.is_ok());
    town.clock.advance_ms(limits::CERTIFICATE_WINDOW.get());
    assert!(answer(&town, &document.content.number, "").await.is_ok());
}

#[tokio::test]
async fn the_page_says_genuine_and_revoked_in_words_of_both_languages() {
    let town = town().await;
    let request = asked(&town, "제출용").await;
    let document = printed(&town, &request).await;
    let router = server::public_router(&town);
    let post = async |lang: &str| {
        let form = format!("number={}&birth_date=", document.content.number);
        let request = HttpRequest::post(format!("/verify?lang={lang}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    };
    let page = post("ko").await;
    assert!(
        page.contains(">진본<")
            && page.contains("2026년 11월 24일")
            && !page.contains(&document.content.name)
    );
    assert!(post("en").await.contains(">Genuine<"));
    credentials::revoke(&town, &town.actor(HR_ONE).await, &request.id, "<b>잘못</b>").await.unwrap();
    let page = post("ko").await;
    assert!(page.contains(">철회<") && page.contains("&#60;b&#62;잘못"), "{page}");
}

#[tokio::test]
async fn a_link_opens_once_with_its_number_however_many_try() {
    let town = town().await;
    let document = printed(&town, &asked(&town, "제출용").await).await;
    let me = town.id(OFFICIAL).await;
    let link = share(&town, &me, &document.id).await.unwrap();
    let token = link.address.rsplit('/').next().unwrap();
    // Whoever only looks uses nothing up.
    let path = format!("/verify/link/{token}");
    assert_eq!(get(&town, &path).await.0, 200);
    let wrong = if link.number == "000000" { "000001" } else { "000000" };
    assert!(matches!(open(&town, token, wrong).await, Err(ShareError::Number { tries_left: 4 })));
    let all = join_all((0..4).map(|_| open(&town, token, &link.number))).await;
    let opened: Vec<&Document> = all.iter().filter_map(|one| one.as_ref().ok()).collect();
    assert_eq!(opened, [&document]);
    assert!(all.iter().filter(|one| one.is_err()).all(|one| matches!(one, Err(ShareError::Gone))));
    assert!(matches!(open(&town, "00", &link.number).await, Err(ShareError::Gone)), "no such link");
    let other = share(&town, &town.id(HR_ONE).await, &document.id).await;
    assert!(matches!(other, Err(ShareError::Unknown)), "another's");
}

#[tokio::test]
async fn wrong_numbers_and_time_end_a_link_and_the_page_gives_the_file() {
    let town = town().await;
    let request = asked(&town, "제출용").await;
    let document = printed(&town, &request).await;
    let me = town.id(OFFICIAL).await;
    let token = |link: &super::Link| link.address.rsplit('/').next().unwrap().to_owned();
    let guessed = share(&town, &me, &document.id).await.unwrap();
    let wrong = if guessed.number == "000000" { "000001" } else { "000000" };
    let all = join_all((0..8).map(|_| open(&town, guessed.address.rsplit('/').next().unwrap(), wrong))).await;
    let judged = all.iter().filter(|one| matches!(one, Err(ShareError::Number { .. }))).count();
    assert_eq!(i64::try_from(judged).unwrap(), limits::CERTIFICATE_LINK_TRIES.get());
    assert!(matches!(open(&town, &token(&guessed), &guessed.number).await, Err(ShareError::Gone)));

    let link = share(&town, &me, &document.id).await.unwrap();
    let post = HttpRequest::post(format!("/verify/link/{}", token(&link)))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("number={}", link.number)))
        .unwrap();
    let response = server::public_router(&town).oneshot(post).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.to_vec(), file(&town, &document).await);

    let late = share(&town, &me, &document.id).await.unwrap();
    town.clock.advance_ms(limits::CERTIFICATE_LINK_LIFE.get());
    assert!(matches!(open(&town, &token(&late), &late.number).await, Err(ShareError::Gone)));
    credentials::revoke(&town, &town.actor(HR_ONE).await, &request.id, "잘못 발급").await.unwrap();
    assert!(matches!(share(&town, &me, &document.id).await, Err(ShareError::Revoked)));
}
