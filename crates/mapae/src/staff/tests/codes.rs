//! One-time codes beside the password, and who may take them away.

use http::StatusCode;
use keys::totp::{Secret, step_at};

use super::*;
use crate::application::tests::doors::{Visit, bearer, csrf_of, form, get, json, send};
use crate::application::tests::{HR_TWO, town_with};
use crate::operations::store::params;
use crate::staff::Policy;

/// The secret in the letters that are shown for typing.
fn secret_of(letters: &str) -> Secret {
    let (mut bits, mut held, mut bytes) = (0, 0_u64, Vec::new());
    for letter in letters.chars().filter(|letter| *letter != ' ') {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
        held = (held << 5) | value as u64;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(((held >> bits) & 255) as u8);
        }
    }
    Secret::from_bytes(&bytes).unwrap()
}

fn value_of(html: &str, name: &str) -> String {
    let rest =
        html.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {html}")).1;
    rest.split('"').next().unwrap().to_owned()
}

fn shown_secret(html: &str) -> Secret {
    secret_of(html.split_once("<code id=\"secret\">").expect("a secret").1.split('<').next().unwrap())
}

fn cookie_named(visit: &Visit, part: &str) -> Option<String> {
    let set = visit.headers.get_all(http::header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    set.filter_map(|cookie| cookie.split(';').next())
        .find(|pair| pair.contains(part) && !pair.ends_with('='))
        .map(str::to_owned)
}

/// Types id and password into the console's form; the answer, and the cookie of the form that follows.
async fn password_step(town: &Town, login: &str) -> Visit {
    let page = send(town, true, get("/sign-in", "")).await;
    let cookie = cookie_named(&page, "-form").unwrap();
    let body = format!("login={login}&password=mapae-yesi&csrf={}", csrf_of(&page.body));
    send(town, true, form("/sign-in", &cookie, &body)).await
}

async fn code_step(town: &Town, asked: &Visit, code: &str) -> Visit {
    let cookie = cookie_named(asked, "-form").unwrap();
    let ticket = value_of(&asked.body, "ticket");
    let body = format!("ticket={ticket}&code={code}&csrf={}", csrf_of(&asked.body));
    send(town, true, form("/sign-in/code", &cookie, &body)).await
}

fn now_code(town: &Town, secret: &Secret) -> String {
    secret.code(step_at(town.now_ms() / 1_000))
}

/// Sets codes up at one's own page of the console.
async fn set_up(town: &Town, login: &str) -> Secret {
    let session = cookie_named(&password_step(town, login).await, "console").unwrap();
    let own = send(town, true, get("/account", &session)).await;
    let begun =
        send(town, true, form("/account/codes", &session, &format!("csrf={}", csrf_of(&own.body)))).await;
    let secret = shown_secret(&begun.body);
    let (csrf, token) = (csrf_of(&begun.body), value_of(&begun.body, "token"));
    let wrong = format!("csrf={csrf}&token={token}&code=000000");
    let refused = send(town, true, form("/account/codes/confirm", &session, &wrong)).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "nothing is kept before a right code");
    assert!(password_step(town, login).await.status.is_redirection(), "and none is asked for");
    let right = format!("csrf={csrf}&token={token}&code={}", now_code(town, &secret));
    let done = send(town, true, form("/account/codes/confirm", &session, &right)).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    town.clock.advance_ms(30_000);
    secret
}

#[tokio::test]
async fn once_set_up_the_password_alone_opens_nothing_and_a_code_opens_once() {
    let town = town().await;
    let secret = set_up(&town, "person380").await;
    let asked = password_step(&town, "person380").await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(cookie_named(&asked, "console").is_none(), "no session by the password alone");
    let code = now_code(&town, &secret);
    let spaced = format!("{}+{}", &code[..3], &code[3..]);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(code_step(&town, &asked, wrong).await.status, StatusCode::UNAUTHORIZED);
    let opened = code_step(&town, &asked, &spaced).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.body);
    let session = cookie_named(&opened, "console").unwrap();
    assert!(send(&town, true, get("/account", &session)).await.body.contains("비밀번호와 인증 앱 번호"));
    let again = password_step(&town, "person380").await;
    let replayed = code_step(&town, &again, &code).await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED, "the same code a second time");
    assert!(cookie_named(&replayed, "console").is_none());
    let late = secret.code(step_at(town.now_ms() / 1_000) - 1);
    assert_eq!(code_step(&town, &again, &late).await.status, StatusCode::UNAUTHORIZED, "nor an older one");
    town.clock.advance_ms(30_000);
    let next = now_code(&town, &secret);
    assert_eq!(code_step(&town, &again, &next).await.status, StatusCode::SEE_OTHER);

    // The same at the portal and in the REST interface.
    let refused = r#"{"login":"person380","password":"mapae-yesi"}"#;
    for door in ["console", "portal"] {
        let visit =
            send(&town, door == "console", json(&format!("/api/v1/{door}/session"), "", refused)).await;
        assert!(visit.body.contains("sign_in_code_needed"), "{}", visit.body);
    }
    town.clock.advance_ms(60_000);
    let body =
        format!(r#"{{"login":"person380","password":"mapae-yesi","code":"{}"}}"#, now_code(&town, &secret));
    let visit = send(&town, true, json("/api/v1/console/session", "", &body)).await;
    assert_eq!(visit.status, StatusCode::CREATED, "{}", visit.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_sign_ins_with_one_code_one_gets_in() {
    let town = std::sync::Arc::new(town().await);
    let secret = set_up(&town, "person380").await;
    let mut tickets = Vec::new();
    for _ in 0..4 {
        tickets.push(password_step(&town, "person380").await);
    }
    let code = now_code(&town, &secret);
    let tries = tickets.into_iter().map(|asked| {
        let (town, code) = (std::sync::Arc::clone(&town), code.clone());
        // Each from an address of its own, so that nothing but the code decides.
        tokio::spawn(async move {
            let ticket = value_of(&asked.body, "ticket");
            second_factor::finish(&town, Door::Console, &ticket, &code, HERE, None).await
        })
    });
    // Four passwords are charged; the limit is for the codes, too, and is taken away for this test.
    town.store
        .write::<_, crate::operations::StoreError, _>(|tx| {
            Box::pin(async move { tx.execute("DELETE FROM staff_throttle", params![]).await })
        })
        .await
        .unwrap();
    let mut opened = 0;
    for result in futures::future::join_all(tries).await {
        match result.unwrap() {
            Ok(_) => opened += 1,
            Err(SignInError::CodeRefused) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_like_guessing_passwords() {
    let town = town().await;
    let secret = set_up(&town, "person380").await;
    let asked = password_step(&town, "person380").await;
    let wrong = if now_code(&town, &secret) == "000000" { "000001" } else { "000000" };
    let mut refused = 0;
    while code_step(&town, &asked, wrong).await.status == StatusCode::UNAUTHORIZED {
        refused += 1;
        assert!(refused < 5, "the password was charged, too");
    }
    let slowed = code_step(&town, &asked, &now_code(&town, &secret)).await;
    assert_eq!(slowed.status, StatusCode::TOO_MANY_REQUESTS, "the right one waits, too: {}", slowed.body);
}

#[tokio::test]
async fn a_ticket_is_good_for_its_door_its_password_and_some_minutes() {
    let town = town().await;
    let secret = set_up(&town, "person380").await;
    let asked = password_step(&town, "person380").await;
    let ticket = value_of(&asked.body, "ticket");
    let finish = |door, ticket: String| {
        let (town, code) = (&town, now_code(&town, &secret));
        async move { second_factor::finish(town, door, &ticket, &code, HERE, None).await }
    };
    let other_door = finish(Door::Portal, ticket.clone()).await;
    assert!(matches!(other_door, Err(SignInError::TicketRefused)), "{other_door:?}");
    let made_up = finish(Door::Console, "AQAAAA".to_owned()).await;
    assert!(matches!(made_up, Err(SignInError::TicketRefused)), "{made_up:?}");
    let new = Password::new("another-secret".to_owned()).unwrap();
    account::set_password(&town, Login::new("person380").unwrap(), new, "operator").await.unwrap();
    let changed = finish(Door::Console, ticket.clone()).await;
    assert!(matches!(changed, Err(SignInError::TicketRefused)), "the password is another one: {changed:?}");
    let old = Password::new("mapae-yesi".to_owned()).unwrap();
    account::set_password(&town, Login::new("person380").unwrap(), old, "operator").await.unwrap();
    let asked = password_step(&town, "person380").await;
    town.clock.advance_ms(6 * MINUTE);
    let expired = finish(Door::Console, value_of(&asked.body, "ticket")).await;
    assert!(matches!(expired, Err(SignInError::TicketRefused)), "{expired:?}");
}

#[tokio::test]
async fn a_form_from_elsewhere_does_not_finish_a_sign_in() {
    let town = town().await;
    let secret = set_up(&town, "person380").await;
    let asked = password_step(&town, "person380").await;
    let body = format!(
        "ticket={}&code={}&csrf={}",
        value_of(&asked.body, "ticket"),
        now_code(&town, &secret),
        csrf_of(&asked.body)
    );
    let foreign = send(&town, true, form("/sign-in/code", "", &body)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(cookie_named(&foreign, "console").is_none());
}

#[tokio::test]
async fn where_codes_are_required_they_are_set_up_at_the_door() {
    let town = town_with(|config| config.staff.second_factor = Policy::Required).await;
    let asked = password_step(&town, "person380").await;
    assert!(cookie_named(&asked, "console").is_none());
    let secret = shown_secret(&asked.body);
    let cookie = cookie_named(&asked, "-form").unwrap();
    let body = |code: &str| {
        format!(
            "ticket={}&token={}&code={code}&csrf={}",
            value_of(&asked.body, "ticket"),
            value_of(&asked.body, "token"),
            csrf_of(&asked.body)
        )
    };
    let code = now_code(&town, &secret);
    let opened = send(&town, true, form("/sign-in/set-up", &cookie, &body(&code))).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.body);
    let session = cookie_named(&opened, "console").unwrap();
    assert_eq!(send(&town, true, get("/", &session)).await.status, StatusCode::OK);
    let again = send(&town, true, form("/sign-in/set-up", &cookie, &body(&code))).await;
    assert!(again.status.is_client_error(), "a secret is not replaced by whoever knows the password");
    // A program can't set anything up, and the portal is the official's own.
    let body = r#"{"login":"person381","password":"mapae-yesi"}"#;
    let program = send(&town, true, json("/api/v1/console/session", "", body)).await;
    assert!(program.body.contains("sign_in_set_up_needed"), "{}", program.body);
    bearer(&town, "portal", "person381").await;
}

#[tokio::test]
async fn a_session_from_before_the_policy_opens_nothing_after_it() {
    let mut town = town().await;
    let session = cookie_named(&password_step(&town, "person380").await, "console").unwrap();
    assert_eq!(send(&town, true, get("/", &session)).await.status, StatusCode::OK);
    let platform = std::sync::Arc::get_mut(&mut town.platform.platform).expect("nobody else has it");
    platform.config.staff.second_factor = Policy::Required;
    assert_eq!(send(&town, true, get("/", &session)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_hr_manager_takes_codes_away_with_a_reason_and_nobody_their_own() {
    let town = town().await;
    let secret = set_up(&town, "person380").await;
    let (one, two) = (town.id(HR_ONE).await, town.id(HR_TWO).await);
    let asked = password_step(&town, "person380").await;
    let session =
        cookie_named(&code_step(&town, &asked, &now_code(&town, &secret)).await, "console").unwrap();
    let own = send(&town, true, get("/account", &session)).await;
    let mine =
        form(&format!("/people/{one}/codes"), &session, &format!("csrf={}&reason=x", csrf_of(&own.body)));
    assert_eq!(send(&town, true, mine).await.status, StatusCode::FORBIDDEN, "never one's own");

    let other = cookie_named(&password_step(&town, "person381").await, "console").unwrap();
    let page = send(&town, true, get(&format!("/people/{one}"), &other)).await;
    assert!(page.body.contains("인증 앱 초기화"), "{}", page.body);
    let path = format!("/people/{one}/codes");
    let silent =
        send(&town, true, form(&path, &other, &format!("csrf={}&reason=+", csrf_of(&page.body)))).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY, "a reason is needed");
    let body = format!("csrf={}&reason=lost", csrf_of(&page.body));
    assert_eq!(send(&town, true, form(&path, &other, &body)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(send(&town, true, form(&path, &other, &body)).await.status, StatusCode::CONFLICT, "gone");
    assert_eq!(send(&town, true, get("/", &session)).await.status, StatusCode::SEE_OTHER, "sessions ended");
    assert!(password_step(&town, "person380").await.status.is_redirection());
    let row = town
        .store
        .fetch_one("SELECT actor, duty FROM audit_record WHERE act = 'staff.codes_reset'", params![])
        .await
        .unwrap();
    assert_eq!((row.text("actor").unwrap(), row.text("duty").unwrap()), (two, "hr_manager".to_owned()));
}
