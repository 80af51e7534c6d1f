//! What people do while nodes are killed, and what they were promised: everything that a reply acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use credential::types::Format;
use futures::future::join;
use reqwest::{Client, StatusCode};
use tokio::time::Instant;
use wallet::issue::Options;
use wallet::present::Choice;

use crate::bench::AnyError;
use crate::bench::ground::{Offered, REDIRECT};
use crate::bench::latency::Latencies;
use crate::bench::relying_party::RelyingParty;
use crate::demo::browser::Browser;
use crate::phone::Phone;

/// Every how many logins the code is redeemed twice at once instead.
const TWICE: usize = 5;
/// How often somebody whose request failed tries again before that is counted as an outage.
const RETRIES: usize = 600;

/// What was tried, what was acknowledged, and what was found to be wrong.
#[derive(Debug, Default)]
pub(super) struct Book {
    counts: Mutex<BTreeMap<&'static str, Count>>,
    /// Officials who were told that they have a badge.
    pub(super) issued: Mutex<Vec<u64>>,
    /// Officials who were told that their badge is stopped.
    pub(super) stopped: Mutex<Vec<u64>>,
    /// Tokens that relying parties were given: they have to go on working.
    tokens: Mutex<Vec<(String, usize)>>,
    /// When something was acknowledged last, and the longest time without.
    silence: Mutex<Silence>,
    /// Kills until now.
    pub(super) kills: AtomicUsize,
    /// Acknowledged and gone.
    pub(super) lost: Mutex<Vec<String>>,
    /// Done twice.
    pub(super) twice: Mutex<Vec<String>>,
    pub(super) over: AtomicBool,
}

/// How long nobody got anything done.
#[derive(Debug, Clone, Copy, Default)]
struct Silence {
    since: Option<Instant>,
    longest: Duration,
}

/// One kind of act.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) times: Latencies,
    /// How often it failed in which way.
    pub(super) reasons: BTreeMap<String, usize>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    pub(super) fn counts(&self) -> BTreeMap<&'static str, Count> {
        lock(&self.counts).clone()
    }

    /// The longest time in which nothing was acknowledged to anybody.
    pub(super) fn longest_silence(&self) -> Duration {
        lock(&self.silence).longest
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn note<T>(&self, act: &'static str, begun: Instant, outcome: Result<T, AnyError>) -> Option<T> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(act).or_default();
        match outcome {
            Ok(value) => {
                let mut silence = lock(&self.silence);
                let now = Instant::now();
                silence.longest =
                    silence.since.map_or(silence.longest, |since| silence.longest.max(now - since));
                silence.since = Some(now);
                count.done += 1;
                count.times.add(begun.elapsed());
                Some(value)
            }
            Err(error) => {
                count.failed += 1;
                // What was asked for differs each time; what went wrong is few things.
                let reason = error.to_string();
                let reason = reason.split('?').next().unwrap_or_default().to_owned();
                *count.reasons.entry(reason).or_default() += 1;
                None
            }
        }
    }
}

/// One person logs in again and again.
pub(super) async fn log_in(book: Arc<Book>, party: Arc<RelyingParty>, http: Client, mut phone: Phone) {
    let mut n = 0_usize;
    while !book.is_over() {
        n += 1;
        let begun = Instant::now();
        let act = if n.is_multiple_of(TWICE) { "login, code sent twice" } else { "login" };
        let outcome = login(&book, &party, &http, &mut phone, n.is_multiple_of(TWICE)).await;
        if let Some(Some(token)) = book.note(act, begun, outcome) {
            lock(&book.tokens).push((token, book.kills.load(Ordering::Relaxed)));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn login(
    book: &Book,
    party: &RelyingParty,
    http: &Client,
    phone: &mut Phone,
    twice: bool,
) -> Result<Option<String>, AnyError> {
    let (login, location) = party.begin();
    let mut browser = Browser::new(http.clone());
    let page = browser.login_page(&location).await?;
    let asked = phone.ask(&page.link).await?;
    let choice = Choice { number: Some(&page.number), allow_reuse: true, ..Choice::default() };
    phone.answer(&asked, choice).await?;
    let next = browser.granted(&page).await?;
    let back = browser.open_until(next.as_str(), REDIRECT).await?;
    if !twice {
        return party.redeem(&login, &back).await.map(Some);
    }
    // A token of a code that came twice is taken back: it is not watched.
    match join(party.redeem(&login, &back), party.redeem(&login, &back)).await {
        (Ok(_), Ok(_)) => {
            lock(&book.twice).push("one authorization code gave two tokens".to_owned());
            Ok(None)
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => Ok(None),
        (Err(error), Err(_)) => Err(error),
    }
}

/// Officials take their badge, one after the other; who was told so reports its loss a while later.
pub(super) async fn issue(book: Arc<Book>, offers: Arc<Mutex<Vec<(u64, Phone, Offered)>>>, pause: Duration) {
    while !book.is_over() {
        let Some((n, mut phone, offered)) = lock(&offers).pop() else { return };
        let begun = Instant::now();
        let options =
            Options { tx_code: Some(&offered.tx_code), copies: Some(1), format: Some(Format::SdJwtVc) };
        let outcome = phone.receive_with(Some(&offered.link), options).await;
        let outcome = outcome.map(|_| ()).map_err(AnyError::from);
        if book.note("issue", begun, outcome).is_some() {
            lock(&book.issued).push(n);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Every second badge that was issued is reported lost with the code on paper, until the page says that it is stopped.
pub(super) async fn report_losses(
    book: Arc<Book>,
    http: Client,
    origin: String,
    codes: Arc<Vec<String>>,
    pause: Duration,
) {
    let mut next = 0;
    while !book.is_over() {
        tokio::time::sleep(pause).await;
        let Some(n) = lock(&book.issued).get(next).copied() else { continue };
        next += 2;
        let Some(code) = usize::try_from(n).ok().and_then(|n| codes.get(n)) else { continue };
        let form = [("code", code.as_str()), ("cause", "loss")];
        for _ in 0..RETRIES {
            let begun = Instant::now();
            let answer = http.post(format!("{origin}/loss")).form(&form).send().await;
            let outcome = answer.and_then(reqwest::Response::error_for_status).map_err(AnyError::from);
            if book.note("loss", begun, outcome.map(|_| ())).is_some() {
                lock(&book.stopped).push(n);
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Tokens from before a kill are still good after it, at whichever node.
pub(super) async fn watch_tokens(book: Arc<Book>, party: Arc<RelyingParty>) {
    loop {
        let over = book.is_over();
        let kills = book.kills.load(Ordering::Relaxed);
        let due: Vec<String> = {
            let mut tokens = lock(&book.tokens);
            let (due, later) = tokens.drain(..).partition(|(_, at)| *at < kills || over);
            *tokens = later;
            due.into_iter().map(|(token, _)| token).collect()
        };
        for token in due {
            let begun = Instant::now();
            let mut outcome = Err(AnyError::from("not asked"));
            for _ in 0..RETRIES {
                outcome = party.standing(&token).await;
                if outcome.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            match book.note("token used after a kill", begun, outcome) {
                Some(StatusCode::OK) => {}
                Some(other) => {
                    lock(&book.lost).push(format!("a token that was given is answered by {other}"))
                }
                None => {
                    lock(&book.lost).push("a token that was given could not be used for a minute".to_owned())
                }
            }
        }
        if over {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
