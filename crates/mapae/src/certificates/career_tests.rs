//! A 경력증명서 from HR's list of posts to the public page: its table, its code, and those who have left.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use certificate::number::Number;
use certificate::word::{Kind, MAX_TEXT, Rows, Word};
use http::{Request as HttpRequest, header};
use http_body_util::BodyExt as _;
use signing::check::{Level, Revocations, Trust, Verdict, check_pdf};
use tower::ServiceExt as _;

use super::{Answer, Asked, Document, Printed, Standing, check, print};
use crate::application::tests::{COLLEAGUE, OFFICIAL, Town, town};
use crate::credentials;
use crate::operations::problem::Problem;
use crate::operations::{KeyName, Language, server};
use crate::personnel::{career, career_claims, demo_data};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
const TYPE: &str = "career-certificate";
const PAGE: &str = "https://id.example.go.kr/verify";

fn typed(purpose: &str, recipient: &str) -> BTreeMap<String, String> {
    [("purpose", purpose), ("recipient", recipient)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

/// A town that knows the earlier posts of its people.
async fn with_posts() -> Town {
    let town = town().await;
    let posts: String = [OFFICIAL, COLLEAGUE].map(demo_data::posts_csv).concat();
    town.import(&format!("{}{posts}", demo_data::POST_HEADINGS)).await;
    town
}

async fn printed(town: &Town, purpose: &str, recipient: &str, lang: Language) -> Document {
    let me = town.id(OFFICIAL).await;
    let request = credentials::ask(town, &me, TYPE, &typed(purpose, recipient)).await.unwrap();
    assert!(matches!(print(town, &me, &request.id, lang).await.unwrap(), Printed::Now(_)));
    let documents = Document::of_employee(town, &me).await.unwrap();
    documents.into_iter().find(|one| one.request_id == request.id).unwrap()
}

/// The text of the code on a document, made again as printing made it.
async fn code(town: &Town, document: &Document, purpose: &str, recipient: &str, page: &str) -> String {
    let me = town.id(OFFICIAL).await;
    let mut values = crate::personnel::badge_claims(town, &me).await.unwrap();
    values.extend(career_claims(&career(town, &me).await.unwrap(), town.now_ms()));
    values.extend(typed(purpose, recipient).into_iter().map(|(name, text)| (name, text.into())));
    let signer = town.keys.signer(KeyName::Issuer).unwrap();
    let number = Number::parse(&document.content.number).unwrap();
    document.content.code(&values, number, page, signer.as_ref()).unwrap()
}

#[tokio::test]
async fn a_career_is_printed_with_its_posts_in_both_languages() {
    let town = with_posts().await;
    let document = printed(&town, "이직", "예시공사", Language::Ko).await;
    let content = &document.content;
    let table = content.table.as_ref().unwrap();
    assert_eq!((content.title.as_str(), table.title.as_str()), ("경력증명서", "경력 사항"));
    let posts = career(&town, &town.id(OFFICIAL).await).await.unwrap();
    assert!(posts.len() >= 2);
    assert_eq!(table.rows.len(), posts.len());
    assert!(table.rows[0][4] == "임용" && table.rows.last().unwrap()[0].ends_with("~ 현재"), "{table:?}");
    assert!(table.rows.iter().flatten().all(|cell| !cell.is_empty()));
    let labels: Vec<&str> = content.facts.iter().map(|(label, _)| label.as_str()).collect();
    assert!(labels.contains(&"총 재직 기간") && labels.contains(&"최초 임용일"), "{labels:?}");

    let english = printed(&town, "job", "Example Corp", Language::En).await;
    let told = english.content.table.as_ref().unwrap();
    assert_eq!(
        (english.content.title.as_str(), told.rows[0][4].as_str()),
        ("Certificate of Career", "Appointment")
    );
    assert!(
        told.rows[0][1].starts_with("Example") && told.rows.last().unwrap()[0].ends_with("present"),
        "{told:?}"
    );

    // Sealed by the agency as every certificate.
    let file = Document::pdf(&town, &town.id(OFFICIAL).await, &document.id).await.unwrap().unwrap();
    let trust = Trust {
        anchors: std::slice::from_ref(town.keys.root()),
        crls: &[],
        now: town.now_ms() / 1_000,
        revocations: Revocations::Required,
    };
    let report = check_pdf(&file, &trust);
    assert_eq!((report.verdict, report.signatures[0].level), (Verdict::Genuine, Some(Level::Lt)));
}

#[tokio::test]
async fn the_number_tells_the_posts_to_whoever_knows_the_birth_date_alone() {
    let town = with_posts().await;
    let document = printed(&town, "이직", "예시공사", Language::Ko).await;
    let answer = async |birth_date: &str| {
        let asked = Asked { number: document.content.number.clone(), birth_date: birth_date.to_owned() };
        check(&town, &asked, HERE).await.unwrap()
    };
    for birth_date in ["", "1900-01-01"] {
        let Answer::Known { standing, facts, table, whole, .. } = answer(birth_date).await else {
            panic!("known")
        };
        assert_eq!((standing, table, whole), (Standing::Genuine, None, false));
        assert!(!format!("{facts:?}").contains(&document.content.name));
    }
    let Answer::Known { table, whole, .. } = answer(&document.content.birth_date).await else {
        panic!("known")
    };
    assert_eq!((table.as_deref(), whole), (document.content.table.as_ref(), true));

    let post = async |birth_date: &str| {
        let form = format!("number={}&birth_date={birth_date}", document.content.number);
        let request = HttpRequest::post("/verify?lang=ko")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let response = server::public_router(&town).oneshot(request).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    };
    let page = post(&document.content.birth_date).await;
    assert!(
        page.contains(">진본<") && page.contains("경력 사항") && page.contains("data-label=\"기간\""),
        "{page}"
    );
    let page = post("").await;
    assert!(page.contains(">진본<") && !page.contains("경력 사항"), "{page}");
}

#[tokio::test]
async fn the_code_names_the_rows_and_their_digest_and_fits_on_paper_with_the_longest_words() {
    let town = with_posts().await;
    let key = town.keys.signer(KeyName::Issuer).unwrap().public_key().clone();
    let longest = "가나다라마바사아자차카타파하거너더러머버";
    for (purpose, recipient) in [("이직", "예시공사"), (longest, longest)] {
        let document = printed(&town, purpose, recipient, Language::Ko).await;
        let table = document.content.table.as_ref().unwrap();
        let text = code(&town, &document, purpose, recipient, PAGE).await;
        assert!(text.len() <= MAX_TEXT, "{}", text.len());
        // One letter more than there is room for: department and rank are left to the rows.
        let far = format!("{PAGE}{}", "x".repeat(MAX_TEXT + 1 - text.len()));
        let short = code(&town, &document, purpose, recipient, &far).await;
        assert!(short.len() <= MAX_TEXT, "{}", short.len());
        for (text, whole) in [(&text, true), (&short, false)] {
            let (word, _) = Word::read(text, std::slice::from_ref(&key)).unwrap();
            assert_eq!((word.kind, word.rows), (Kind::Career, Some(Rows::of(&table.rows))));
            assert_eq!(
                (word.purpose.as_str(), word.name.as_str()),
                (purpose, document.content.name.as_str())
            );
            assert_eq!((word.department.is_empty(), word.rank.is_empty()), (!whole, !whole));
            let mut other = table.rows.clone();
            other[0][4] = "승진".to_owned();
            assert_ne!(word.rows.unwrap().digest, Rows::of(&other).digest);
        }
    }
}

#[tokio::test]
async fn sixty_posts_go_on_over_pages_and_what_no_certificate_holds_is_refused_by_name() {
    let town = town().await;
    let person = demo_data::person(OFFICIAL);
    let lines = |count: u32, year: u32| -> String {
        let line = |n: u32| {
            format!(
                "{},{},{}-{:02}-01,,{},예시옛부,,예시전산{n}과,,주무관,,9급,\n",
                person.agency,
                person.number,
                year + n / 12,
                1 + n % 12,
                if n == 0 { "임용" } else { "전보" }
            )
        };
        (0..count).map(line).collect()
    };
    town.import(&format!("{}{}", demo_data::POST_HEADINGS, lines(60, 2015))).await;
    let document = printed(&town, "제출용", "예시공사", Language::Ko).await;
    let content = &document.content;
    assert_eq!(content.table.as_ref().unwrap().rows.len(), 61);
    let text = code(&town, &document, "제출용", "예시공사", PAGE).await;
    assert!(text.len() <= MAX_TEXT, "{}", text.len());
    let (modules, side) = crate::pages::qr::modules(&text).unwrap();
    let sheet =
        content.sheet((&modules, side), PAGE, super::document::moment(town.now_ms()), Language::Ko, true);
    let pages = certificate::print::render(&sheet).unwrap().pages;
    assert!((3..=6).contains(&pages), "{pages}");

    let long = "예시아주아주긴이름을가진옛날의중앙행정기관과그아래에있던부속기관의분원";
    let many = lines(290, 2000).replace("예시옛부", long);
    town.import(&format!("{}{many}", demo_data::POST_HEADINGS)).await;
    let me = town.id(OFFICIAL).await;
    let request = credentials::ask(&town, &me, TYPE, &typed("제출용", "예시공사")).await.unwrap();
    let refused = print(&town, &me, &request.id, Language::Ko).await.unwrap_err();
    assert_eq!(Problem::from(refused).code(), "certificate_pages");
}

#[tokio::test]
async fn whoever_has_left_asks_for_the_career_and_for_no_employment() {
    let town = with_posts().await;
    let me = town.id(OFFICIAL).await;
    let line =
        demo_data::employee_csv(OFFICIAL).replace(",재직,", ",퇴직,").replace("2026-01-01", "2026-11-02");
    town.import(&format!("{}{line}", demo_data::EMPLOYEE_HEADINGS)).await;
    let refused = credentials::ask(&town, &me, "employment-certificate", &typed("제출용", "예시공사")).await;
    assert_eq!(Problem::from(refused.unwrap_err()).code(), "credential_not_serving");
    let document = printed(&town, "이직", "예시공사", Language::Ko).await;
    let table = document.content.table.as_ref().unwrap();
    let [.., held, left] = table.rows.as_slice() else { panic!("{table:?}") };
    assert!(held[0].ends_with("~ 2026-11-01"), "{held:?}");
    assert_eq!((left[0].as_str(), left[4].as_str()), ("2026-11-02", "퇴직"));
    let file = Document::pdf(&town, &me, &document.id).await.unwrap().unwrap();
    assert!(file.starts_with(b"%PDF-1.7"));
}
