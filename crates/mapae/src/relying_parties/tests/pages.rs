//! The same in browsers without a script, and what everybody may read.

use super::*;
use crate::application::tests::doors::{Visit, csrf_of, form, get, send, sign_in};

struct Desk<'t> {
    town: &'t Town,
    session: String,
    csrf: String,
}

impl<'t> Desk<'t> {
    async fn of(town: &'t Town, n: u64) -> Desk<'t> {
        let session = sign_in(town, true, &format!("person{n}")).await;
        let csrf = csrf_of(&send(town, true, get("/", &session)).await.body);
        Desk { town, session, csrf }
    }

    async fn get(&self, path: &str) -> Visit {
        send(self.town, true, get(path, &self.session)).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Visit {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("csrf", &self.csrf).extend_pairs(fields);
        send(self.town, true, form(path, &self.session, &body.finish())).await
    }
}

const FIELDS: &[(&str, &str)] = &[
    ("id", "documents"),
    ("name_ko", "예시 문서 시스템"),
    ("name_en", "Example documents"),
    ("redirect_uris", "https://documents.example/callback\r\nhttps://documents.example/other"),
    ("claim.name", "on"),
    ("ko.name", "문서에 <b>이름</b>을 적기 위해"),
    ("en.name", "to write the name on documents"),
    ("ko.rank", "고르지 않은 항목의 까닭은 버려집니다"),
    ("level", "substantial"),
    ("network.0", "정부예시청사"),
    ("acr", "pin"),
    ("subject", "pairwise"),
    ("sector", ""),
    ("id_token_alg", "RS256"),
    ("profile", "standard"),
    ("session_minutes", "30"),
    ("refresh", "on"),
];

fn location(visit: &Visit) -> String {
    assert_eq!(visit.status, StatusCode::SEE_OTHER, "{}", visit.body);
    visit.headers[http::header::LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_operators_register_one_in_their_browsers_and_the_secret_is_shown_once() {
    let town = town().await;
    let (first, second) = (Desk::of(&town, OPERATOR).await, Desk::of(&town, SECOND).await);
    let blank = first.get("/relying-parties/new").await;
    assert!(blank.status == StatusCode::OK && blank.body.contains("정부예시청사"), "{}", blank.body);
    let asked = location(&first.post("/relying-parties/ask", FIELDS).await);
    let mine = first.get(&asked).await.body;
    assert!(!mine.contains("/approve\""), "no button to approve one's own request");
    let queue = second.get("/relying-parties").await.body;
    assert!(queue.contains(&asked), "it waits in the list");
    let seen = second.get(&asked).await.body;
    assert!(seen.contains("/approve\"") && seen.contains("&#60;b&#62;"), "what people wrote is never run");
    let own = first.post(&format!("{asked}/approve"), &[]).await;
    assert!(own.status == StatusCode::FORBIDDEN && own.body.contains("다른 운영자"), "{}", own.body);
    let told = second.post(&format!("{asked}/approve"), &[]).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    assert_eq!(told.headers[http::header::CACHE_CONTROL], "no-store");
    let secret =
        told.body.split("id=\"client-secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let party = look(&town, "documents").await;
    assert!(party.secret_matches(&secret));
    assert_eq!(party.claims, ["name"]);
    assert_eq!(party.redirect_uris.len(), 2);
    assert_eq!(party.networks, ["정부예시청사"]);
    let settings = crate::login::registration::of(&town.store, "documents").await.unwrap();
    assert_eq!((settings.session_ms, settings.refresh, settings.device), (1_800_000, true, false));
    for path in ["/relying-parties", "/relying-parties/registered/documents", &asked] {
        assert!(!second.get(path).await.body.contains(&secret), "{path} does not show it again");
    }
}

#[tokio::test]
async fn a_refused_form_keeps_what_was_typed_and_says_what_to_do() {
    let town = town().await;
    let desk = Desk::of(&town, OPERATOR).await;
    let bent: Vec<(&str, &str)> =
        FIELDS.iter().map(|(name, value)| (*name, if *name == "en.name" { "" } else { *value })).collect();
    let refused = desk.post("/relying-parties/ask", &bent).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in ["role=\"alert\"", "한국어와 영어로", "예시 문서 시스템", "https://documents.example/other"]
    {
        assert!(refused.body.contains(text), "{text}: {}", refused.body);
    }
    let broken: Vec<(&str, &str)> = FIELDS.iter().filter(|(name, _)| *name != "acr").copied().collect();
    let broken = desk.post("/relying-parties/ask", &broken).await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    let without = send(&town, true, form("/relying-parties/ask", &desk.session, "id=documents")).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN, "no CSRF token");
}

#[tokio::test]
async fn a_change_shows_before_and_after_and_secrets_are_exchanged_at_the_desk() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    let (first, second) = (Desk::of(&town, OPERATOR).await, Desk::of(&town, SECOND).await);
    let page = first.get("/relying-parties/registered/documents/change").await.body;
    let seen = page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut fields = FIELDS.to_vec();
    fields.push(("seen", &seen));
    let asked = location(&first.post("/relying-parties/ask", &fields).await);
    let compared = second.get(&asked).await.body;
    assert!(compared.contains("바뀜") && compared.contains("소속 기관의 문서함"), "{compared}");
    location(&second.post(&format!("{asked}/drop"), &[]).await);
    assert_eq!(look(&town, "documents").await.claims.len(), 2, "dropped");

    let renewal = location(&first.post("/relying-parties/registered/documents/renew", &[]).await);
    let compared = second.get(&renewal).await.body;
    assert!(!compared.contains("class=\"state wait\""), "a renewal changes nothing");
    assert_eq!(second.post(&format!("{renewal}/approve"), &[]).await.status, StatusCode::OK);

    let told = first.post("/relying-parties/registered/documents/rotate", &[]).await;
    assert!(told.body.contains("id=\"client-secret\""), "{}", told.body);
    let again = first.post("/relying-parties/registered/documents/rotate", &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    location(&first.post("/relying-parties/registered/documents/end-old", &[]).await);
    let none = first.post("/relying-parties/registered/documents/disable", &[("reason", "")]).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    location(&first.post("/relying-parties/registered/documents/disable", &[("reason", "예시 사유")]).await);
    assert!(first.get("/relying-parties/registered/documents").await.body.contains("끝냄"));
}

#[tokio::test]
async fn everybody_reads_who_may_ask_for_what_and_why_and_tests_and_ended_ones_are_not_there() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    let gone = Proposal { name_ko: "끝난 곳".to_owned(), ..proposal("gone") };
    agreed(&town, gone, None).await;
    let who = town.actor(OPERATOR).await;
    request::disable(&town.platform, &who, "gone", "예시 사유").await.unwrap();
    let test = Proposal { name_ko: "시험하는 곳".to_owned(), test: true, ..proposal("trial") };
    agreed(&town, test, None).await;
    let page = send(&town, false, get("/relying-parties", "")).await;
    assert_eq!(page.status, StatusCode::OK);
    for text in
        ["예시 문서 시스템", "문서에 이름을 적기 위해", "https://documents.example", "소속 기관의 문서함"]
    {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(
        !page.body.contains("끝난 곳")
            && !page.body.contains("시험하는 곳")
            && !page.body.contains("<script")
    );
    assert!(!page.body.contains("/callback"), "where a code is sent is nobody's business");
    let english = send(&town, false, get("/relying-parties?lang=en", "")).await.body;
    assert!(english.contains("to write the name on documents") && english.contains("Example documents"));
    town.clock.advance_ms(365 * 86_400_000);
    assert!(!send(&town, false, get("/relying-parties", "")).await.body.contains("예시 문서 시스템"));
}

#[tokio::test]
async fn the_public_list_comes_in_pages() {
    let town = town().await;
    for n in 0..51 {
        let mut one = crate::login::tests::support::registration(&format!("party-{n:02}"));
        one.name_ko = format!("예시 기관 {n:02}");
        crate::verification::cli::register(&town.platform, one).await.unwrap();
    }
    let first = send(&town, false, get("/relying-parties", "")).await.body;
    assert!(first.contains("예시 기관 49") && !first.contains("예시 기관 50"));
    assert!(first.contains("/relying-parties?after=party-49"));
    let second = send(&town, false, get("/relying-parties?after=party-49", "")).await.body;
    assert!(second.contains("예시 기관 50") && !second.contains("after=party"));
}
