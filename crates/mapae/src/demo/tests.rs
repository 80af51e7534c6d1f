//! The walk while the server is killed, again and again, at moments nobody chose.
//!
//! The people of the walk do what people do: who gets no answer looks at what there is, and does the step again if it is
//! not done. Afterwards the database is read: each step stands there once, and whatever was acknowledged stands there.

mod ledger;
mod roles;
mod victim;

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use self::ledger::Ledger;
use self::victim::Victim;
use super::browser::{self, Browser};
use super::people::{Person, message, text};
use super::walk::{DESKS, FIRST_STANDARD, MOST_STANDARD, PIN, digits_of};
use crate::personnel::demo_data;
use crate::phone::Phone;
use crate::staff::demo::PASSWORD;

/// How often the server is killed.
const KILLS: u32 = 50;
/// How often somebody tries a step before the test says that the server does not come back.
const PATIENCE: u32 = 400;

/// Does a step until it is answered. `again` is told whether an answer to an earlier try may have been lost.
async fn insist<T, E: std::fmt::Display>(
    site: &victim::Site,
    what: &str,
    mut step: impl AsyncFnMut(bool) -> Result<T, E>,
) -> T {
    let mut last = String::new();
    for round in 0..PATIENCE {
        match step(round > 0).await {
            Ok(value) => {
                site.answered();
                return value;
            }
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(std::time::Duration::from_millis(15)).await;
    }
    panic!("{what} was never answered: {last}");
}

/// Who decides. Each signs in once and stays signed in over every kill: a sign-in that is killed counts as a wrong
/// password, and too many of those stop the account for a while.
#[derive(Default)]
struct Desks(BTreeMap<&'static str, Person>);

impl Desks {
    async fn at(&mut self, site: &victim::Site, desk: &'static str) -> &Person {
        if !self.0.contains_key(desk) {
            let person = insist(site, "desk", async |_| {
                Person::sign_in(&site.http, &site.console, "console", desk, PASSWORD).await
            })
            .await;
            self.0.insert(desk, person);
        }
        &self.0[desk]
    }
}

/// One official with a phone, from the application to the login.
async fn walk(site: &victim::Site, ordinal: u64, desks: &mut Desks, ledger: &mut Ledger) -> Phone {
    let http = &site.http;
    let person = demo_data::person(ordinal);
    let login = site.login_of(ordinal);
    let applicant = insist(site, "sign-in", async |_| {
        Person::sign_in(http, &site.public, "portal", &login, PASSWORD).await
    })
    .await;

    let request = json!({ "kind": "first", "note": "예시 신청" });
    let application = insist(site, "application", async |_| {
        let made = applicant
            .call_once(Method::POST, "/applications", Some(request.clone()), &format!("walk-{ordinal}"))
            .await?;
        text(&made, "id")
    })
    .await;
    ledger.applied(ordinal, &application);

    for ((desk, step), state) in
        DESKS.into_iter().zip(["head_approved", "identity_checked", "issue_approved"])
    {
        let official = desks.at(site, desk).await;
        insist(site, step, async |again| {
            let seen = official.call(Method::GET, &format!("/applications/{application}"), None).await?;
            ledger.must_have_reached(&application, &text(&seen, "state")?);
            if again && seen.get("awaits").and_then(Value::as_str) != Some(step) {
                return Ok(()); // The answer was lost, not the approval.
            }
            official.approve(&application, step).await
        })
        .await;
        ledger.reached(&application, state);
    }

    let sms =
        insist(site, "text message", async |_| message(http, &site.public, &person.phone, 0).await).await;
    let link = sms.split_whitespace().find(|word| word.starts_with(&site.public)).expect("an address");
    let mut phone = enrol(site, ordinal, &applicant, link).await;
    let account = insist(site, "registration", async |_| phone.register(PIN).await).await;
    ledger.registered(&application, &account);
    insist(site, "badge", async |_| phone.receive(None, None).await).await;
    ledger.reached(&application, "issued");
    insist(site, "check of the badge", async |_| {
        let badge = phone.verify().await.map_err(|error| error.to_string())?;
        match badge.get("status").and_then(Value::as_str) {
            Some("valid") => Ok(()),
            // The status list could not be fetched just now.
            Some("unknown") => Err("nobody tells the status".to_owned()),
            other => panic!("a badge was issued that is {other:?}"),
        }
    })
    .await;

    let claims = insist(site, "login", async |_| log_in(site, &mut phone).await).await;
    assert!(claims["name"].as_str().expect("a name").starts_with(&person.name), "{claims}");
    ledger.logged_in();
    phone
}

/// Activation, name and number, one-time password. A step whose answer was lost starts at the portal again, with a new
/// code: that is what a person is told to do.
async fn enrol(site: &victim::Site, ordinal: u64, applicant: &Person, link: &str) -> Phone {
    let person = demo_data::person(ordinal);
    insist(site, "enrolment", async |_| -> Result<Phone, super::AnyError> {
        let mut phone = Phone::in_memory(site.http.clone()).await?;
        let code = applicant.activation_code().await?;
        phone.activate(link, &code).await?;
        let before = site.messages(&person.phone).await?;
        phone.prove(&person.name, &person.rrn).await?;
        let sms = message(&site.http, &site.public, &person.phone, before).await?;
        phone.otp(&digits_of(&sms, 6).ok_or("no code in the message")?).await?;
        Ok(phone)
    })
    .await
}

async fn log_in(site: &victim::Site, phone: &mut Phone) -> Result<Value, super::AnyError> {
    let mut browser = Browser::new(site.http.clone());
    let page = browser.login_page(&format!("{}/login", site.relying_party)).await?;
    phone.login(&page.link, &page.number, None).await?;
    let (_, page) = browser.follow(&page).await?;
    browser::shown_claims(&page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_walk_acknowledged_is_there_once_though_the_server_is_killed_at_fifty_moments() {
    let (victim, site) = Victim::prepare().await;
    let killer = victim.kill_again_and_again(KILLS);
    let (mut desks, mut ledger) = (Desks::default(), Ledger::default());
    let mut last = None;
    for ordinal in FIRST_STANDARD..FIRST_STANDARD + MOST_STANDARD {
        last = Some(walk(&site, ordinal, &mut desks, &mut ledger).await);
        if killer.kills() >= KILLS {
            break;
        }
    }
    // On a fast machine the walks are over before the kills are: a phone logs in until the last one.
    let mut phone = last.expect("there was a walk");
    while killer.kills() < KILLS {
        if log_in(&site, &mut phone).await.is_ok() {
            site.answered();
            ledger.logged_in();
        } else if phone.receive(None, None).await.is_ok() {
            // Each login uses a copy up.
            site.answered();
        }
    }
    killer.end().await;
    let store = site.open_store().await;
    ledger.compare(&store).await;
    store.close().await;
    site.clear();
}

/// Run by the test above in a process of its own: serves until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child of the test above"]
async fn child_that_serves_until_it_is_killed() {
    use std::io::Write as _;

    let Some(config) = victim::config_of_environment() else { return };
    let clock = Arc::new(crate::operations::SystemClock);
    let platform = crate::operations::Platform::open(config, clock).await.expect("platform");
    let _server = crate::operations::server::Server::start(platform).await.expect("server");
    writeln!(std::io::stdout(), "\nready").expect("told");
    std::future::pending::<()>().await;
}

fn client() -> Client {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(5))
        .build()
        .expect("client")
}
