//! Losses as they are reported: at night with a code, at the portal, at a desk; by many at once, and by who may not.

use axum::body::Body;
use http::{Request, StatusCode, header};

use super::{Cause, LossError, Report, Way, code, of_employee, report};
use crate::application::tests::doors::{Visit, csrf_of, form, get, send, sign_in};
use crate::application::tests::{AUDITOR, COLLEAGUE, HR_ONE, OFFICIAL, SECURITY, STRANGER, Town, town};
use crate::lifecycle::tests::badge;
use crate::lifecycle::{Badge, BadgeState, By};
use crate::operations::limits;

const SOMEWHERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// The public page's form, without cookie or token: whoever finds it may use it.
async fn with_code(town: &Town, text: &str) -> Visit {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", text)
        .append_pair("cause", "theft")
        .finish();
    let request = Request::post("/loss")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap();
    send(town, false, request).await
}

async fn state(town: &Town, badge: &Badge) -> BadgeState {
    Badge::find(&town.store, &badge.id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn the_code_on_paper_stops_the_badge_without_a_sign_in() {
    let town = town().await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    let paper = code::make(&town, &badge.employee_id).await.unwrap();
    let visit = with_code(&town, &paper.to_lowercase().replace('-', " ")).await;
    assert_eq!(visit.status, StatusCode::OK, "{}", visit.body);
    assert!(visit.body.contains("ms 만에 멈췄습니다") && visit.body.contains("통신사"), "{}", visit.body);
    assert_eq!(state(&town, &badge).await, BadgeState::Suspended);
    let name = town.actor(OFFICIAL).await.name.ko;
    assert!(!visit.body.contains(&name), "the page names nobody");
    let noted = of_employee(&town.store, &badge.employee_id).await.unwrap();
    assert_eq!((noted[0].way, noted[0].cause, &noted[0].reported_by), (Way::Code, Cause::Theft, &None));
    assert_eq!(noted[0].badge_id.as_ref(), Some(&badge.id));
}

#[tokio::test]
async fn wrong_codes_are_charged_to_their_source_and_right_ones_are_not() {
    let town = town().await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    let paper = code::make(&town, &badge.employee_id).await.unwrap();
    for _ in 0..30 {
        assert_eq!(code::owner(&town, &paper, SOMEWHERE).await.unwrap(), badge.employee_id);
    }
    for left in (0..limits::LOSS_TRIES.get()).rev() {
        let refused = with_code(&town, "0000-0000-0000-0000").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.body.contains(&format!("남은 횟수: {left}회")), "{}", refused.body);
    }
    assert_eq!(with_code(&town, &paper).await.status, StatusCode::TOO_MANY_REQUESTS, "even the right one");
    assert_eq!(state(&town, &badge).await, BadgeState::Active);
    let elsewhere: std::net::IpAddr = "2001:db8::7".parse().unwrap();
    assert!(code::owner(&town, &paper, elsewhere).await.is_ok(), "another source is not held back");
    town.clock.advance_ms(limits::LOSS_WINDOW.get());
    assert_eq!(with_code(&town, &paper).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_code_ends_the_one_before_and_neither_lies_in_the_database() {
    let town = town().await;
    let id = town.id(OFFICIAL).await;
    let first = code::make(&town, &id).await.unwrap();
    let second = code::make(&town, &id).await.unwrap();
    assert!(matches!(code::owner(&town, &first, SOMEWHERE).await, Err(LossError::WrongCode { .. })));
    assert_eq!(code::owner(&town, &second, SOMEWHERE).await.unwrap(), id);
    let row = town.store.fetch_one("SELECT code_hash FROM loss_code", Vec::new()).await.unwrap();
    assert_eq!(row.bytes("code_hash").unwrap().len(), 16);
}

#[tokio::test]
async fn the_holder_stops_it_at_the_portal_and_prints_a_code_there() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    let session = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get("/portal/loss", &session)).await;
    let csrf = csrf_of(&page.body);
    let printed = send(&town, false, form("/portal/loss/code", &session, &format!("csrf={csrf}"))).await;
    let paper = printed.body.split_once("id=\"loss-code\">").unwrap().1.split('<').next().unwrap();
    assert_eq!(code::owner(&town, paper, SOMEWHERE).await.unwrap(), badge.employee_id);
    let refused = send(&town, false, form("/portal/loss", &session, "csrf=x&cause=loss")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "without the token of the session");
    let done = send(&town, false, form("/portal/loss", &session, &format!("csrf={csrf}&cause=loss"))).await;
    assert!(done.body.contains("공무원증을 멈췄습니다"), "{}", done.body);
    assert_eq!(state(&town, &badge).await, BadgeState::Suspended);
}

#[tokio::test]
async fn a_desk_stops_those_it_answers_for_and_nobody_else() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    let path = format!("/people/{}/loss", badge.employee_id);
    let take = async |n: u64| {
        let session = sign_in(&town, true, &format!("person{n}")).await;
        let csrf = csrf_of(&send(&town, true, get("/", &session)).await.body);
        let body = format!("csrf={csrf}&cause=loss&way=call");
        send(&town, true, form(&path, &session, &body)).await.status
    };
    assert_eq!(take(STRANGER).await, StatusCode::NOT_FOUND, "another agency's HR manager");
    assert_eq!(take(AUDITOR).await, StatusCode::NOT_FOUND, "who reads and never changes");
    assert_eq!(state(&town, &badge).await, BadgeState::Active);
    assert_eq!(take(SECURITY).await, StatusCode::SEE_OTHER);
    assert_eq!(state(&town, &badge).await, BadgeState::Suspended);
    let noted = of_employee(&town.store, &badge.employee_id).await.unwrap();
    assert_eq!((noted.len(), noted[0].way), (1, Way::Call));
    assert_eq!(noted[0].reported_by, Some(town.id(SECURITY).await));
    let own = format!("/people/{}/loss", town.id(HR_ONE).await);
    let session = sign_in(&town, true, "person380").await;
    let csrf = csrf_of(&send(&town, true, get("/", &session)).await.body);
    let refused = send(&town, true, form(&own, &session, &format!("csrf={csrf}&cause=loss&way=desk"))).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "one's own loss is told at the portal");
}

#[tokio::test]
async fn reports_at_the_same_moment_stop_once_and_are_all_noted() {
    let town = town().await;
    let badge = badge(&town, &town.id(COLLEAGUE).await).await;
    let one = |way: Way| Report { employee_id: badge.employee_id.clone(), cause: Cause::Loss, way, by: None };
    let racing = (0..16).map(|n| report(&town, one(if n % 2 == 0 { Way::Code } else { Way::Portal })));
    for done in futures::future::join_all(racing).await {
        assert_eq!(done.unwrap().badge.map(|badge| badge.state), Some(BadgeState::Suspended));
    }
    let noted = of_employee(&town.store, &badge.employee_id).await.unwrap();
    assert_eq!(noted.len(), 16);
    assert_eq!(noted.iter().filter(|report| report.stopped_at.is_some()).count(), 1, "stopped once");
}

#[tokio::test]
async fn whoever_has_nothing_to_stop_is_told_so_and_unknown_persons_are_unknown() {
    let town = town().await;
    let by = Some(By { actor: "somebody".to_owned(), duty: "applicant".to_owned() });
    let nothing =
        Report { employee_id: town.id(OFFICIAL).await, cause: Cause::Loss, way: Way::Portal, by: by.clone() };
    assert!(report(&town, nothing).await.unwrap().badge.is_none());
    let nobody = Report { employee_id: "nobody".to_owned(), cause: Cause::Loss, way: Way::Portal, by };
    assert!(matches!(report(&town, nobody).await, Err(LossError::Unknown)));
}

#[tokio::test]
async fn card_and_badge_are_lost_one_without_the_other() {
    use super::card::{CardError, link, of_employee, report as card_lost};
    let town = town().await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    let by = |actor: &str| By { actor: actor.to_owned(), duty: "hr_manager".to_owned() };
    let none = card_lost(&town, &badge.employee_id, by("a")).await;
    assert!(matches!(none, Err(CardError::Nothing)), "{none:?}");
    for bad in ["", "12345", "12 34 56 78", "가나다라마바", &*"1".repeat(33), "1234567;"] {
        let refused = link(&town, &badge.employee_id, bad, by("a")).await;
        assert!(matches!(refused, Err(CardError::Number)), "{bad}: {refused:?}");
    }
    link(&town, &badge.employee_id, " ex-1234-5678 ", by("a")).await.unwrap();
    let card = of_employee(&town, &badge.employee_id).await.unwrap().unwrap();
    assert_eq!((card.number.as_str(), card.masked().as_str()), ("EX-1234-5678", "••-••••-5678"));
    card_lost(&town, &badge.employee_id, by("a")).await.unwrap();
    assert_eq!(state(&town, &badge).await, BadgeState::Active, "the badge goes on");
    assert!(matches!(card_lost(&town, &badge.employee_id, by("a")).await, Err(CardError::Nothing)), "once");
    link(&town, &badge.employee_id, "EX-1234-9999", by("a")).await.unwrap();
    let lost =
        Report { employee_id: badge.employee_id.clone(), cause: Cause::Loss, way: Way::Portal, by: None };
    report(&town, lost).await.unwrap();
    let card = of_employee(&town, &badge.employee_id).await.unwrap().unwrap();
    assert_eq!(card.lost_at, None, "the card goes on");
    let desk = sign_in(&town, true, "person380").await;
    let page = send(&town, true, get(&format!("/people/{}", badge.employee_id), &desk)).await.body;
    assert!(page.contains("EX-1234-9999"));
    let own = town.id(HR_ONE).await;
    let body = format!("csrf={}&number=EX-1234-0000", csrf_of(&page));
    let mine = send(&town, true, form(&format!("/people/{own}/card"), &desk, &body)).await;
    assert_eq!(mine.status, StatusCode::FORBIDDEN, "never one's own");
}
