//! Whole flows over HTTP: wallets, a browser and a relying party against the server process.

use std::sync::Arc;
use std::time::Duration;

use credential::types::Format;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Client;
use wallet::issue::Options;
use wallet::pin::Pin;
use wallet::present::Choice;

use super::AnyError;
use super::drive::{Driven, Pace, drive};
use super::ground::{Invited, Offered, REDIRECT};
use super::micro::Raw;
use super::process::{ServerProcess, Usage};
use super::relying_party::RelyingParty;
use super::report::{Figure, Spent};
use crate::demo::browser::Browser;
use crate::demo::people::message;
use crate::operations::{Language, SystemClock};
use crate::personnel::demo_data::DemoPerson;
use crate::phone::{HttpClient, Phone};

/// The PIN of every phone; a weak one would be refused.
const PIN: &str = "482951";
/// Phones that are set up at once.
const AT_ONCE: usize = 32;

/// What the server computes on P-256 in one flow.
#[derive(Clone, Copy, Debug)]
struct Operations {
    signs: f64,
    verifies: f64,
    agreements: f64,
    keys: f64,
}

impl Operations {
    fn raw_us(self, raw: &Raw) -> f64 {
        self.signs * raw.sign
            + self.verifies * raw.verify
            + self.agreements * raw.agree
            + self.keys * raw.generate
    }
}

/// Verified: DPoP proofs of two token requests (the first learns the nonce), of the credential request and of the
/// notification; the key proof. Signed: the copy.
const ISSUE: Operations = Operations { signs: 1.0, verifies: 5.0, agreements: 0.0, keys: 0.0 };
/// Verified: the four DPoP proofs; the phone's request for an attestation; the attestation and its certificate. Signed:
/// the attestation, twenty copies.
const BATCH: Operations = Operations { signs: 21.0, verifies: 7.0, agreements: 0.0, keys: 0.0 };
/// Verified: the phone's approval, the issuer's signature, the key binding. Signed: request object, ID token. Made twice:
/// the key that the answer is encrypted to, when it is asked for and when it is opened by the one agreement.
const LOGIN: Operations = Operations { signs: 2.0, verifies: 3.0, agreements: 1.0, keys: 2.0 };

/// How flows are measured.
#[derive(Clone, Debug)]
pub(super) struct Gauge<'s> {
    pub(super) server: &'s ServerProcess,
    pub(super) raw: Raw,
    pub(super) in_flight: usize,
    pub(super) time: Duration,
}

/// The HTTP client that all phones, browsers and the relying party share.
pub(super) fn client() -> Result<Client, AnyError> {
    Ok(Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

/// A phone that trusts this root.
pub(super) async fn phone(http: &HttpClient, root: &[u8]) -> Result<Phone, AnyError> {
    let mut phone = Phone::in_memory_with(http.clone(), Arc::new(SystemClock)).await?;
    phone.trust(root).await?;
    Ok(phone)
}

/// What phones fetch with: documents that may be kept are fetched once.
pub(super) fn phone_client(http: &Client) -> HttpClient {
    HttpClient::over(http.clone(), Language::Ko).remembering()
}

/// Sets up a phone for each of those invited, in their order: activation code, identity, one-time password, device and PIN.
pub(super) async fn set_up(
    http: &Client,
    origin: &str,
    invited: Vec<Invited>,
) -> Result<Vec<Phone>, AnyError> {
    let phones = phone_client(http);
    let one = async |invited: Invited| -> Result<Phone, AnyError> {
        let Invited { person, link, code } = invited;
        let mut phone = Phone::in_memory_with(phones.clone(), Arc::new(SystemClock)).await?;
        phone.activate(&link, &code).await?;
        phone.prove(&person.name, &person.rrn).await?;
        let text = message(http, origin, &person.phone, 0).await?;
        let otp = text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6);
        phone.otp(otp.ok_or("the message holds no one-time password")?).await?;
        phone.register(PIN).await?;
        Ok(phone)
    };
    stream::iter(invited).map(one).buffered(AT_ONCE).try_collect().await
}

impl Gauge<'_> {
    /// `issue_flow_sqlite`: any standard wallet, one copy.
    pub(super) async fn issue(&self, who: Vec<(Phone, Offered)>) -> Result<Figure, AnyError> {
        let flow = async |(mut phone, offered): (Phone, Offered)| {
            let options =
                Options { tx_code: Some(&offered.tx_code), copies: Some(1), format: Some(Format::SdJwtVc) };
            let received = phone.receive_with(Some(&offered.link), options).await?;
            if received.copies == 1 { Ok((phone, offered)) } else { Err("one copy was asked for".into()) }
        };
        let (figure, _) = self.measure("issue_flow_sqlite", ISSUE, who, false, flow).await?;
        Ok(figure)
    }

    /// `issue_batch_sqlite`: the account's own wallet, as many copies as the type file says. Returns those who have them.
    pub(super) async fn batch(&self, phones: Vec<Phone>) -> Result<(Figure, Vec<Phone>), AnyError> {
        let flow = async |mut phone: Phone| {
            let options = Options { format: Some(Format::SdJwtVc), ..Options::default() };
            let received = phone.receive_with(None, options).await?;
            if received.copies > 1 { Ok(phone) } else { Err("a batch was asked for".into()) }
        };
        self.measure("issue_batch_sqlite", BATCH, phones, false, flow).await
    }

    /// `login_flow_sqlite`
    pub(super) async fn login(
        &self,
        party: &Arc<RelyingParty>,
        http: &Client,
        phones: Vec<Phone>,
    ) -> Result<(Figure, Vec<Phone>), AnyError> {
        let (party, http) = (Arc::clone(party), http.clone());
        let flow = move |phone| log_in(Arc::clone(&party), http.clone(), phone);
        self.measure("login_flow_sqlite", LOGIN, phones, true, flow).await
    }

    async fn measure<T, F>(
        &self,
        name: &'static str,
        operations: Operations,
        who: Vec<T>,
        again: bool,
        flow: impl Fn(T) -> F + Clone + Send + 'static,
    ) -> Result<(Figure, Vec<T>), AnyError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AnyError>> + Send + 'static,
    {
        let pace = Pace { in_flight: self.in_flight, pause: Duration::ZERO, again };
        let before = self.server.usage().await?;
        let Driven { latencies, elapsed, done, .. } =
            drive(who, pace, tokio::time::sleep(self.time), flow).await?;
        let usage = self.server.usage().await?.each_since(&before, latencies.count());
        let raw_us = operations.raw_us(&self.raw);
        let figure = Figure {
            per_second: Some(latencies.count() as f64 / elapsed.as_secs_f64()),
            raw_us: Some(raw_us),
            ratio: Some(usage.cpu_ms * 1_000.0 / raw_us),
            more: more(&usage, latencies.count()),
            spent: Some(Spent { usage, raw_us }),
            ..Figure::of(name, &latencies)
        };
        Ok((figure, done))
    }
}

fn more(usage: &Usage, flows: usize) -> Vec<(&'static str, f64)> {
    vec![
        ("cpu_ms", usage.cpu_ms),
        ("commits", usage.commits),
        ("units", usage.units),
        ("flows", flows as f64),
    ]
}

/// One login: relying party → login page → phone → code → tokens → userinfo.
pub(super) async fn log_in(
    party: Arc<RelyingParty>,
    http: Client,
    mut phone: Phone,
) -> Result<Phone, AnyError> {
    let (login, location) = party.begin();
    let mut browser = Browser::new(http);
    let page = browser.login_page(&location).await?;
    let asked = phone.ask(&page.link).await?;
    // After twenty logins a phone would top up; the server can't tell a copy that was shown before.
    let choice = Choice { number: Some(&page.number), allow_reuse: true, ..Choice::default() };
    phone.answer(&asked, choice).await?;
    let next = browser.granted(&page).await?;
    let back = browser.open_until(next.as_str(), REDIRECT).await?;
    party.finish(&login, &back).await?;
    Ok(phone)
}

/// One verification: the relying party asks, the phone shows its badge, the relying party picks the result up.
pub(super) async fn present(party: Arc<RelyingParty>, mut phone: Phone) -> Result<Phone, AnyError> {
    let asked = party.ask(&["name", "agency_name"]).await?;
    let request = phone.ask(&asked.link).await?;
    phone.answer(&request, Choice { allow_reuse: true, ..Choice::default() }).await?;
    party.pick_up(&asked.id).await?;
    Ok(phone)
}

/// One signature: the relying party sends a document, the phone fetches and signs it by its PIN, the relying party fetches
/// it signed.
pub(super) async fn sign(
    party: Arc<RelyingParty>,
    person: &DemoPerson,
    mut phone: Phone,
) -> Result<Phone, AnyError> {
    let id = party.send_to_sign(&page(), person).await?;
    let waiting = phone.wallet().documents().await?;
    let ours = waiting.into_iter().find(|one| one.transaction().request == id);
    let seen = phone.wallet().see(ours.ok_or("the document does not wait at the phone")?).await?;
    phone.wallet_mut().sign(&[seen], &Pin::parse(PIN)?).await?;
    party.fetch_signed(&id).await?;
    Ok(phone)
}

/// A PDF of one page with one line.
fn page() -> Vec<u8> {
    let line = "BT /F1 24 Tf 72 720 Td (Example) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{line}\nendstream", line.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut out = "%PDF-1.7\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (object, number) in objects.iter().zip(1..) {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (start, size) = (out.len(), objects.len() + 1);
    out.push_str(&format!(
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_to_sign_is_a_pdf_as_our_own_reader_takes_it() {
        signing::pdf::File::open(&super::page()).unwrap();
    }
}
