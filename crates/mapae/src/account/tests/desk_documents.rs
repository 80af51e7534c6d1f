//! Documents that an agency's desk asks its own officials to sign, from the form to the signed file.

use axum::http::{Request, StatusCode, header};

use super::documents::official;
use super::*;
use crate::application::tests::doors::{Visit, csrf_of, form, get, send, sign_in};
use crate::application::tests::{COLLEAGUE, HR_ONE, OFFICIAL, STRANGER, Town, town};
use crate::lifecycle::tests::badge;
use crate::personnel::demo_data;
use crate::signatures::authority::tests::page;
use crate::signatures::requests;

const EDGE: &str = "----mapae-example";

struct Desk<'t> {
    town: &'t Town,
    session: String,
    csrf: String,
}

impl<'t> Desk<'t> {
    async fn of(town: &'t Town, n: u64) -> Desk<'t> {
        let session = sign_in(town, true, &format!("person{n}")).await;
        let csrf = csrf_of(&send(town, true, get("/signatures", &session)).await.body);
        Desk { town, session, csrf }
    }

    async fn read(&self) -> Visit {
        send(self.town, true, get("/signatures", &self.session)).await
    }

    /// The form as a browser sends it; `csrf` stands where it is told.
    async fn send(&self, csrf: Option<&str>, signers: &str, days: &str, pdf: &[u8]) -> Visit {
        let agency = demo_data::person(HR_ONE).agency;
        let mut body = Vec::new();
        let mut field = |name: &str, more: &str, value: &[u8]| {
            let head = format!("--{EDGE}\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        };
        if let Some(csrf) = csrf {
            field("csrf", "", csrf.as_bytes());
        }
        field("title", "", "예시 서약서".as_bytes());
        field("purpose", "", "예시 서약".as_bytes());
        field("agency", "", agency.as_bytes());
        field("signers", "", signers.as_bytes());
        field("days", "", days.as_bytes());
        field("document", "; filename=\"a.pdf\"\r\nContent-Type: application/pdf", pdf);
        body.extend_from_slice(format!("--{EDGE}--\r\n").as_bytes());
        let request = Request::post("/signatures")
            .header(header::COOKIE, &self.session)
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={EDGE}"))
            .body(Body::from(body));
        send(self.town, true, request.unwrap()).await
    }

    async fn ask(&self, signers: &str, days: &str, pdf: &[u8]) -> Visit {
        self.send(Some(&self.csrf), signers, days, pdf).await
    }

    /// Status and bytes of a signed document.
    async fn fetch(&self, id: &str) -> (StatusCode, Vec<u8>) {
        let router = server::console_router(self.town);
        let request = get(&format!("/signatures/{id}/document"), &self.session);
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), 8 << 20).await.unwrap().to_vec())
    }

    async fn take_back(&self, id: &str) -> Visit {
        let body = format!("csrf={}", self.csrf);
        send(self.town, true, form(&format!("/signatures/{id}/withdrawal"), &self.session, &body)).await
    }
}

fn number(n: u64) -> String {
    demo_data::person(n).number
}

#[tokio::test]
async fn a_desk_asks_two_officials_in_order_and_fetches_what_both_signed() {
    let town = town().await;
    let mut first = official(&town, OFFICIAL).await;
    let mut second = official(&town, COLLEAGUE).await;
    let desk = Desk::of(&town, HR_ONE).await;
    let asked =
        desk.ask(&format!("{}\r\n{}\r\n", number(OFFICIAL), number(COLLEAGUE)), "7", &page("0 0 m")).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.body);
    let shown = desk.read().await;
    for text in ["예시 서약서", "서명 대기", &demo_data::person(OFFICIAL).name] {
        assert!(shown.body.contains(text), "{text}");
    }
    let waiting = first.documents().await.unwrap().remove(0);
    let id = waiting.transaction().request.clone();
    let agency = crate::personnel::agency(&town, demo_data::person(HR_ONE).agency).await.unwrap().unwrap();
    assert_eq!(waiting.transaction().party, agency.name.ko, "the phone says in whose name");
    assert!(second.documents().await.unwrap().is_empty(), "one after the other");
    assert_eq!(desk.fetch(&id).await.0, StatusCode::CONFLICT);
    for wallet in [&mut first, &mut second] {
        let waiting = wallet.documents().await.unwrap().remove(0);
        let seen = wallet.see(waiting).await.unwrap();
        wallet.sign(&[seen], &pin(RIGHT)).await.unwrap();
        requests::assemble_for_tests(&town.platform).await;
    }
    let (status, pdf) = desk.fetch(&id).await;
    assert_eq!(status, StatusCode::OK);
    assert!(pdf.starts_with(&page("0 0 m")));
    let stranger = Desk::of(&town, STRANGER).await;
    assert_eq!(stranger.fetch(&id).await.0, StatusCode::NOT_FOUND, "another agency's desk");
    assert_eq!(stranger.take_back(&id).await.status, StatusCode::NOT_FOUND);
    let told = "SELECT COUNT(*) AS n FROM audit_record WHERE act IN ('signing.asked', 'signing.fetched')";
    assert_eq!(town.store.fetch_one(told, params![]).await.unwrap().int("n").unwrap(), 2);
}

#[tokio::test]
async fn a_form_that_is_wrong_says_why_and_keeps_what_was_typed() {
    let town = town().await;
    let _wallet = official(&town, OFFICIAL).await;
    let desk = Desk::of(&town, HR_ONE).await;
    let right = number(OFFICIAL);
    // Somebody who could sign, of an agency that this desk does not answer for.
    let theirs = demo_data::person(STRANGER).agency;
    let stranger = crate::personnel::employee_by_number(&town, theirs, &number(STRANGER)).await;
    badge(&town, &stranger.unwrap().unwrap().id).await;
    let elsewhere = format!("{theirs} {}", number(STRANGER));
    for (signers, days, pdf, status, word) in [
        (right.as_str(), "31", page("0 0 m"), 400, "기한은"),
        (right.as_str(), "soon", page("0 0 m"), 400, "기한은"),
        (elsewhere.as_str(), "7", page("0 0 m"), 422, "1번째 서명자"),
        ("2020-999999", "7", page("0 0 m"), 422, "1번째 서명자"),
        ("", "7", page("0 0 m"), 400, "서명할 사람은"),
        (right.as_str(), "7", Vec::new(), 413, "PDF 파일을 다시"),
        (right.as_str(), "7", b"no PDF".to_vec(), 422, "PDF"),
    ] {
        let refused = desk.ask(signers, days, &pdf).await;
        assert_eq!(refused.status.as_u16(), status, "{signers} {days}: {}", refused.body);
        assert!(refused.body.contains(word), "{word}");
        assert!(refused.body.contains("예시 서약서"), "what was typed stays");
    }
    let long = desk.ask(&"x".repeat(20_000), "7", &page("0 0 m")).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    for csrf in [None, Some("another")] {
        assert_eq!(desk.send(csrf, &right, "7", &page("0 0 m")).await.status, StatusCode::FORBIDDEN);
    }
    let rows = "SELECT COUNT(*) AS n FROM signing_request";
    assert_eq!(town.store.fetch_one(rows, params![]).await.unwrap().int("n").unwrap(), 0);

    assert_eq!(desk.ask(&right, "7", &page("0 0 m")).await.status, StatusCode::SEE_OTHER);
    let id =
        town.store.fetch_one("SELECT id FROM signing_request", params![]).await.unwrap().text("id").unwrap();
    assert_eq!(desk.take_back(&id).await.status, StatusCode::SEE_OTHER);
    assert!(desk.read().await.body.contains("거둔 요청"));
    assert_eq!(desk.take_back(&id).await.status, StatusCode::SEE_OTHER, "what is over is forgotten");
}
