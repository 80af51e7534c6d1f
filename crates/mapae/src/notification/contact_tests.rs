//! The language of messages and the second phone.

use super::contact::{ContactError, begin, confirm, contact, remove, second_phone};
use super::{choose_language, language_of};
use crate::application::tests::doors::{csrf_of, form, get, send, sign_in};
use crate::application::tests::{OFFICIAL, Town, town};
use crate::lifecycle::tests::badge;
use crate::loss::{Cause, Report, Way};
use crate::operations::Language;
use crate::personnel::demo_data;

const OTHER: &str = "01000009999";

async fn messages(town: &Town, phone: &str) -> Vec<String> {
    town.deliver().await;
    let received = super::received(town, Some(phone)).await.unwrap();
    received.into_iter().map(|message| message.text).collect()
}

fn code_in(text: &str) -> String {
    let digits: String = text.split("번호 ").nth(1).unwrap().chars().take(6).collect();
    assert!(digits.bytes().all(|b| b.is_ascii_digit()), "{text}");
    digits
}

#[tokio::test]
async fn a_second_phone_counts_once_its_code_came_back_and_hears_of_a_stop() {
    let town = town().await;
    let official = town.id(OFFICIAL).await;
    begin(&town, &official, "010-0000-9999").await.unwrap();
    assert_eq!(second_phone(&town, &official).await.unwrap(), None, "not before the code");
    let code = code_in(&messages(&town, OTHER).await[0]);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = confirm(&town, &official, wrong).await;
    assert!(matches!(refused, Err(ContactError::WrongCode { tries_left: 4 })), "{refused:?}");
    confirm(&town, &official, &code).await.unwrap();
    assert_eq!(second_phone(&town, &official).await.unwrap().as_deref(), Some(OTHER));
    assert_eq!(contact(&town, &official).await.unwrap().phone.as_deref(), Some("010-****-9999"));
    let again = confirm(&town, &official, &code).await;
    assert!(matches!(again, Err(ContactError::NoCode)), "a code is good once: {again:?}");

    badge(&town, &official).await;
    let report = Report { employee_id: official.clone(), cause: Cause::Loss, way: Way::Code, by: None };
    crate::loss::report(&town, report.clone()).await.unwrap();
    // 09:00 in Korea: no hour of rest.
    let heard = messages(&town, OTHER).await;
    assert!(heard[0].contains("정지했습니다"), "{heard:?}");
    assert!(messages(&town, &demo_data::person(OFFICIAL).phone).await.is_empty(), "never the lost phone");
    crate::loss::report(&town, report).await.unwrap();
    assert_eq!(messages(&town, OTHER).await.len(), heard.len(), "what is stopped already is not told again");
    remove(&town, &official).await.unwrap();
    assert_eq!(second_phone(&town, &official).await.unwrap(), None);
}

#[tokio::test]
async fn codes_are_few_and_guesses_fewer_and_the_old_phone_stays_until_the_new_one_is_proven() {
    let town = town().await;
    let official = town.id(OFFICIAL).await;
    for bad in ["", "02-123-4567", "010", "abc", &*"0".repeat(500)] {
        let refused = begin(&town, &official, bad).await;
        assert!(matches!(refused, Err(ContactError::Number)), "{bad}: {refused:?}");
    }
    let own = begin(&town, &official, &demo_data::person(OFFICIAL).phone).await;
    assert!(matches!(own, Err(ContactError::Same)), "{own:?}");
    begin(&town, &official, OTHER).await.unwrap();
    confirm(&town, &official, &code_in(&messages(&town, OTHER).await[0])).await.unwrap();
    begin(&town, &official, "01000008888").await.unwrap();
    let code = code_in(&messages(&town, "01000008888").await[0]);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert!(matches!(confirm(&town, &official, wrong).await, Err(ContactError::WrongCode { .. })));
    }
    let late = confirm(&town, &official, &code).await;
    assert!(matches!(late, Err(ContactError::NoCode)), "the right one after five wrong: {late:?}");
    assert_eq!(second_phone(&town, &official).await.unwrap().as_deref(), Some(OTHER), "the old one stays");
    for _ in 0..3 {
        begin(&town, &official, "01000008888").await.unwrap();
    }
    let sixth = begin(&town, &official, "01000008888").await;
    assert!(matches!(sixth, Err(ContactError::TooMany)), "{sixth:?}");
    town.clock.advance_ms(86_400_000);
    begin(&town, &official, "01000008888").await.unwrap();
    let code = code_in(&messages(&town, "01000008888").await[0]);
    town.clock.advance_ms(181_000);
    assert!(matches!(confirm(&town, &official, &code).await, Err(ContactError::NoCode)), "its time is over");
}

#[tokio::test]
async fn messages_come_in_the_language_that_was_chosen_and_an_application_chooses_only_once() {
    let town = town().await;
    let official = town.id(OFFICIAL).await;
    assert_eq!(language_of(&town, &official).await.unwrap(), Language::Ko);
    choose_language(&town, &official, Language::En, true).await.unwrap();
    choose_language(&town, &official, Language::Ko, true).await.unwrap();
    assert_eq!(language_of(&town, &official).await.unwrap(), Language::En, "the first choice stays");
    town.approved(OFFICIAL).await;
    let text = messages(&town, &demo_data::person(OFFICIAL).phone).await.remove(0);
    assert!(text.is_ascii() && text.contains("/install#"), "{text}");
    choose_language(&town, &official, Language::Ko, false).await.unwrap();
    assert_eq!(language_of(&town, &official).await.unwrap(), Language::Ko);
}

#[tokio::test]
async fn the_page_shows_the_number_masked_and_changes_nothing_without_its_token() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let session = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get("/portal/notices", &session)).await;
    let csrf = csrf_of(&page.body);
    let forged = send(&town, false, form("/portal/notices/contact", &session, "phone=01000009999")).await;
    assert_eq!(forged.status, http::StatusCode::FORBIDDEN);
    let body = format!("csrf={csrf}&phone=010-0000-9999");
    let sent = send(&town, false, form("/portal/notices/contact", &session, &body)).await;
    assert_eq!(sent.status, http::StatusCode::SEE_OTHER, "{}", sent.body);
    let page = send(&town, false, get("/portal/notices", &session)).await.body;
    assert!(page.contains("010-****-9999") && !page.contains("01000009999"), "{page}");
    let body = format!("csrf={csrf}&language=en");
    let chosen = send(&town, false, form("/portal/notices/language", &session, &body)).await;
    assert_eq!(chosen.status, http::StatusCode::SEE_OTHER);
    assert_eq!(language_of(&town, &town.id(OFFICIAL).await).await.unwrap(), Language::En);
}
