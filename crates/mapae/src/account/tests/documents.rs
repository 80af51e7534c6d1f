//! Documents that officials sign: asked for by a relying party, seen and signed on the phone, and every way in which that
//! must not happen.

use axum::extract::State;
use futures::future::join_all;
use keys::SecretKey;
use keys::Signer as _;
use keys::encoding::{b64_encode, b64url_decode, b64url_encode};
use keys::jws::Unverified;
use serde_json::{Value, json};
use signing::check::{Level, Report, Revocations, Trust, Verdict, check_pdf};
use signing::cms::Attributes;
use signing::pades;
use wallet::account::messages::{
    DocumentSignature, OpenSigning, PushKind, RefuseSigning, Transaction, bound, signature_options,
};
use wallet::account::{AccountError, SignError};
use wallet::issue::Options;
use wallet::usage::Act;

use super::*;
use crate::application;
use crate::application::tests::{COLLEAGUE, OFFICIAL, Town, town, town_with};
use crate::lifecycle::{self, Badge, By, Reason};
use crate::login::tests::support::registration;
use crate::operations::limits;
use crate::personnel::demo_data;
use crate::signatures::authority::tests::page;
use crate::signatures::requests::{self, SigningError};
use crate::verification::cli;

/// An official of the town with a badge on a phone of their own.
pub(super) async fn official(town: &Town, who: u64) -> Wallet<Phone> {
    let application = town.approved(who).await;
    let handle = town.handle(who).await;
    let mut wallet = Phone::new(town).installed().await;
    let code = application::new_code(town, &application.employee_id).await.unwrap().code;
    wallet.activate("http://localhost:8600", &handle, &code).await.unwrap();
    let person = demo_data::person(who);
    wallet.prove_identity(&person.name, &person.rrn).await.unwrap();
    town.deliver().await;
    let text = town.messages(who).await.into_iter().next().unwrap();
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take(6).collect();
    wallet.prove_phone(&digits).await.unwrap();
    wallet.register(&pin(RIGHT)).await.unwrap();
    wallet.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
    wallet
}

pub(super) fn account_of(wallet: &Wallet<Phone>) -> String {
    wallet.state().account.as_ref().unwrap().id.clone()
}

/// A relying party that asks for signatures.
struct Desk {
    town: Town,
    key: String,
}

impl Desk {
    async fn new() -> Desk {
        Desk::of(town().await).await
    }

    async fn of(town: Town) -> Desk {
        let key = cli::register(&town.platform, registration("portal")).await.unwrap().api_key.unwrap();
        Desk { town, key }
    }

    async fn send(&self, method: &str, path: &str, key: &str, body: Option<Value>) -> (u16, Vec<u8>) {
        self.send_to(method, &format!("/api/v1/signatures{path}"), key, body).await
    }

    async fn send_to(&self, method: &str, path: &str, key: &str, body: Option<Value>) -> (u16, Vec<u8>) {
        let router = server::public_router(&self.town);
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {key}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (status, to_bytes(response.into_body(), 8 << 20).await.unwrap().to_vec())
    }

    async fn asked(&self, change: impl FnOnce(&mut Value)) -> (u16, Value) {
        let mut body = json!({
            "title": "예시 협약서", "purpose": "예시 협약 체결", "document": b64_encode(&page("q Q")),
            "signers": [signer(OFFICIAL)], "expires_in": 3_600,
        });
        change(&mut body);
        let (status, body) = self.send("POST", "", &self.key, Some(body)).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// The id of a request for one signature on this page.
    async fn ask(&self, content: &str) -> String {
        let (status, body) = self.asked(|body| body["document"] = b64_encode(&page(content)).into()).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    async fn standing(&self, id: &str) -> Value {
        let (status, body) = self.send("GET", &format!("/{id}"), &self.key, None).await;
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    async fn state(&self, id: &str) -> String {
        self.standing(id).await["state"].as_str().unwrap().to_owned()
    }

    async fn document(&self, id: &str) -> (u16, Vec<u8>) {
        self.send("GET", &format!("/{id}/document"), &self.key, None).await
    }

    async fn assembled(&self) {
        requests::assemble_for_tests(&self.town.platform).await;
    }

    fn checked(&self, pdf: &[u8]) -> Report {
        let trust = Trust {
            anchors: std::slice::from_ref(self.town.keys.root()),
            crls: &[],
            now: self.town.now_ms() / 1_000,
            revocations: Revocations::Required,
        };
        check_pdf(pdf, &trust)
    }

    async fn execute(&self, sql: &'static str, values: Vec<crate::operations::store::Value>) -> u64 {
        let unit = self
            .town
            .store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { tx.execute(sql, values).await }));
        unit.await.unwrap()
    }
}

fn signer(who: u64) -> Value {
    let person = demo_data::person(who);
    json!({ "inst_code": person.agency, "employee_number": person.number })
}

pub(super) async fn suspend(town: &Town, account: &str) {
    let badge = Badge::live_of_account(&town.store, account).await.unwrap().unwrap();
    let unit = town.store.write::<_, lifecycle::ChangeError, _>(move |tx| {
        Box::pin(async move { lifecycle::suspend(tx, &badge.id, &By::system(), Reason::Loss).await })
    });
    unit.await.unwrap();
}

/// What a phone does, by hand: what it sends in the PIN instruction.
async fn signed_by_hand(
    town: &Town,
    account: &str,
    request: &str,
) -> Result<DocumentSignature, SigningError> {
    let phone = requests::Phone {
        account: account.to_owned(),
        device_key: SecretKey::generate().public_key().clone(),
    };
    let waiting = requests::waiting(town, &phone).await?;
    let data = waiting
        .documents
        .into_iter()
        .map(|one| one.transaction_data)
        .find(|data| Transaction::decode(data).unwrap().request == request)
        .ok_or(SigningError::Unknown)?;
    let transaction = Transaction::decode(&data).unwrap();
    let pdf = requests::seen(town, &phone, request).await?;
    let key = SecretKey::generate();
    let opening = OpenSigning {
        request: request.to_owned(),
        document: transaction.document.clone(),
        key: key.public_key().to_jwk(),
    };
    let opened = requests::open(town, &phone, &opening).await?;
    let der = b64url_decode(&opened.certificates[0]).unwrap();
    let certificate = keys::x509::Certificate::parse(&der).unwrap();
    let options = signature_options(&certificate, &transaction.purpose, opened.time);
    let prepared = pades::prepare(&pdf, &options).unwrap();
    let attributes = Attributes::new(prepared.digest(), &certificate, None);
    let signature = key.sign(attributes.to_sign()).unwrap();
    Ok(DocumentSignature {
        request: request.to_owned(),
        bound: bound(&data, attributes.to_sign(), &certificate),
        signature: b64url_encode(signature.as_bytes()),
    })
}

/// The effect of a right PIN, in a transaction of its own that is rolled back if it says no.
async fn apply(town: &Town, account: &str, given: requests::Given) -> Result<(), String> {
    #[derive(Debug, thiserror::Error)]
    enum No {
        #[error("{0}")]
        Code(&'static str),
        #[error(transparent)]
        Store(#[from] StoreError),
    }
    let account = account.to_owned();
    let unit = town.store.write::<_, No, _>(move |tx| {
        Box::pin(async move { requests::apply(tx, &account, given).await?.map_err(No::Code) })
    });
    unit.await.map_err(|error| error.to_string())
}

fn refused(answer: Result<(), SignError>) -> String {
    answer.unwrap_err().code().to_owned()
}

#[tokio::test]
async fn a_document_is_seen_signed_with_the_pin_and_given_back_with_everything_to_check_it() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let id = desk.ask("0 0 m").await;
    let waiting = wallet.documents().await.unwrap();
    let [one] = waiting.as_slice() else { panic!("{waiting:?}") };
    let shown = one.transaction().clone();
    assert_eq!((shown.request.as_str(), shown.title.as_str()), (id.as_str(), "예시 협약서"));
    assert_eq!((shown.party.as_str(), shown.place, shown.signers), ("예시 업무 포털", 1, 1));

    let seen = wallet.see(one.clone()).await.unwrap();
    assert_eq!(seen.pdf(), page("0 0 m"));
    wallet.sign(&[seen], &pin(RIGHT)).await.unwrap();
    assert_eq!(desk.state(&id).await, "assembling");
    assert_eq!(desk.document(&id).await.0, 409);
    desk.assembled().await;

    assert_eq!(desk.state(&id).await, "signed");
    let (status, pdf) = desk.document(&id).await;
    assert_eq!(status, 200);
    assert!(pdf.starts_with(&page("0 0 m")), "what was sent in stays byte for byte");
    let report = desk.checked(&pdf);
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    let signature = &report.signatures[0];
    assert_eq!(signature.level, Some(Level::Lt));
    assert_eq!(signature.signer.as_ref().unwrap().name.as_ref(), Some(&demo_data::person(OFFICIAL).name));
    assert_eq!(signature.proven_at, Some(desk.town.now_ms() / 1_000));

    let act = Act::Signed { title: shown.title, document: shown.document };
    assert_eq!(wallet.state().usage.last().unwrap().act, act);
    assert_eq!(wallet.documents().await.unwrap(), []);
    // Nothing of the way there is kept.
    let sql = "SELECT id FROM signing_signer WHERE opened IS NOT NULL OR signature IS NOT NULL";
    assert!(desk.town.store.fetch_all(sql, params![]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_pin_signs_nothing_and_the_right_one_does_afterwards() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let id = desk.ask("q Q").await;
    let seen = wallet.see(wallet.documents().await.unwrap()[0].clone()).await.unwrap();
    let wrong = wallet.sign(std::slice::from_ref(&seen), &pin(WRONG)).await;
    assert_eq!(wrong, Err(SignError::Account(AccountError::WrongPin { tries_left: 4 })));
    desk.assembled().await;
    assert_eq!(desk.state(&id).await, "waiting");
    wallet.sign(&[seen], &pin(RIGHT)).await.unwrap();
    desk.assembled().await;
    assert_eq!(desk.state(&id).await, "signed");
}

#[tokio::test]
async fn a_document_that_was_swapped_is_refused_by_the_phone_before_it_signs() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let (honest, other) = (desk.ask("0 0 m").await, desk.ask("9 9 m").await);
    let waiting = wallet.documents().await.unwrap();
    let honest_one = waiting.iter().find(|one| one.transaction().request == honest).unwrap().clone();
    let other_one = waiting.iter().find(|one| one.transaction().request == other).unwrap().clone();
    let seen = wallet.see(honest_one.clone()).await.unwrap();

    // A server that would like the other document to be signed under the honest one's request.
    desk.execute("DELETE FROM signing_piece WHERE request_id = $1", params![&honest]).await;
    desk.execute("UPDATE signing_piece SET request_id = $1", params![&honest]).await;
    let named = other_one.transaction();
    let sql = "UPDATE signing_request SET document_hash = $2, bytes = $3 WHERE id = $1";
    desk.execute(sql, params![&honest, &named.document, named.bytes]).await;

    assert_eq!(wallet.see(honest_one).await.unwrap_err(), SignError::Swapped);
    // Shown before the swap: the phone names the hash of what it showed, and no certificate is given for another one.
    assert_eq!(refused(wallet.sign(&[seen], &pin(RIGHT)).await), "signing_changed");
    desk.assembled().await;
    assert_eq!(desk.state(&honest).await, "waiting");
}

#[tokio::test]
async fn what_the_pin_stands_for_is_this_document_under_this_certificate_and_nothing_else() {
    let desk = Desk::new().await;
    let wallet = official(&desk.town, OFFICIAL).await;
    let account = account_of(&wallet);
    let (id, other) = (desk.ask("0 0 m").await, desk.ask("9 9 m").await);
    let mine = signed_by_hand(&desk.town, &account, &id).await.unwrap();
    let elsewhere = signed_by_hand(&desk.town, &account, &other).await.unwrap();
    let given = |one: DocumentSignature| {
        let (town, account) = (&desk.town, &account);
        async move { requests::given(town, account, &[one]).await }
    };
    let swapped = DocumentSignature { bound: elsewhere.bound.clone(), ..mine.clone() };
    assert!(matches!(given(swapped).await, Err(SigningError::Changed)));
    let swapped = DocumentSignature { signature: elsewhere.signature.clone(), ..mine.clone() };
    assert!(matches!(given(swapped).await, Err(SigningError::Malformed(_))));
    let swapped = DocumentSignature { request: other.clone(), ..mine.clone() };
    assert!(matches!(given(swapped).await, Err(SigningError::Changed)));
    let twice = requests::given(&desk.town, &account, &[mine.clone(), mine.clone()]).await;
    assert!(matches!(twice, Err(SigningError::Malformed(_))));
    let stranger = requests::given(&desk.town, &id, std::slice::from_ref(&mine)).await;
    assert!(matches!(stranger, Err(SigningError::NotOpen)));
    // Opened anew, the former certificate is void.
    let newer = signed_by_hand(&desk.town, &account, &id).await.unwrap();
    assert!(matches!(given(mine).await, Err(SigningError::Changed)));
    // And ten minutes later the newer one too.
    desk.town.clock.advance_ms(limits::DOCUMENT_PERSON_LIFE.get() + 1_000);
    assert!(matches!(given(newer).await, Err(SigningError::NotOpen)));
}

#[tokio::test]
async fn of_sixty_four_that_submit_one_signature_exactly_one_succeeds() {
    let desk = Desk::new().await;
    let wallet = official(&desk.town, OFFICIAL).await;
    let account = account_of(&wallet);
    let id = desk.ask("q Q").await;
    let hand = signed_by_hand(&desk.town, &account, &id).await.unwrap();
    let given = requests::given(&desk.town, &account, &[hand]).await.unwrap();
    let all = join_all((0..64).map(|_| apply(&desk.town, &account, given.clone()))).await;
    let refused: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 63);
    assert!(refused.iter().all(|code| code == "signing_over"), "{refused:?}");
    desk.assembled().await;
    desk.assembled().await;
    let report = desk.checked(&desk.document(&id).await.1);
    assert_eq!((report.verdict, report.signatures.len()), (Verdict::Genuine, 1));
}

#[tokio::test]
async fn a_badge_that_was_suspended_between_asking_and_signing_signs_nothing() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let account = account_of(&wallet);
    let id = desk.ask("q Q").await;
    let seen = wallet.see(wallet.documents().await.unwrap()[0].clone()).await.unwrap();
    let hand = signed_by_hand(&desk.town, &account, &id).await.unwrap();
    let given = requests::given(&desk.town, &account, &[hand]).await.unwrap();
    suspend(&desk.town, &account).await;
    // In the last moment: everything but the PIN's transaction was before the suspension.
    assert_eq!(apply(&desk.town, &account, given).await, Err("no_badge".to_owned()));
    assert_eq!(refused(wallet.sign(&[seen], &pin(RIGHT)).await), "account_suspended");
    assert_eq!(wallet.documents().await.unwrap_err().code(), "account_suspended");
    desk.assembled().await;
    assert_eq!(desk.state(&id).await, "waiting");
    // Nobody without a badge in use is asked.
    let (status, body) = desk.asked(|_| ()).await;
    assert_eq!((status, body["code"].as_str()), (422, Some("signing_signer")));
}

#[tokio::test]
async fn a_deadline_that_passes_while_the_pin_is_typed_ends_the_request() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let account = account_of(&wallet);
    let (_, body) = desk.asked(|body| body["expires_in"] = 300.into()).await;
    let id = body["id"].as_str().unwrap().to_owned();
    let seen = wallet.see(wallet.documents().await.unwrap()[0].clone()).await.unwrap();
    let hand = signed_by_hand(&desk.town, &account, &id).await.unwrap();
    let given = requests::given(&desk.town, &account, &[hand]).await.unwrap();
    desk.town.clock.advance_ms(300_000);
    assert_eq!(apply(&desk.town, &account, given).await, Err("signing_over".to_owned()));
    assert_eq!(refused(wallet.sign(&[seen], &pin(RIGHT)).await), "signing_over");
    assert_eq!(wallet.documents().await.unwrap(), []);
    requests::sweep_for_tests(&desk.town.platform).await;
    assert_eq!(desk.state(&id).await, "expired");
    // Long after, nothing of it is there.
    desk.town.clock.advance_ms(limits::SIGNING_KEPT.get());
    requests::sweep_for_tests(&desk.town.platform).await;
    assert_eq!(desk.send("GET", &format!("/{id}"), &desk.key, None).await.0, 404);
}

#[tokio::test]
async fn a_refusal_ends_the_request_and_tells_why() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let id = desk.ask("q Q").await;
    let one = wallet.documents().await.unwrap()[0].clone();
    let seen = wallet.see(one.clone()).await.unwrap();
    let no_reason = wallet.refuse_document(one.transaction(), " ").await.unwrap_err();
    assert_eq!(no_reason.code(), "signing_text");
    wallet.refuse_document(one.transaction(), "예시: 금액이 다릅니다").await.unwrap();
    let standing = desk.standing(&id).await;
    assert_eq!(
        (standing["state"].as_str(), standing["reason"].as_str()),
        (Some("refused"), Some("예시: 금액이 다릅니다"))
    );
    assert_eq!(standing["signers"][0]["state"], "refused");
    assert_eq!(refused(wallet.sign(&[seen], &pin(RIGHT)).await), "signing_over");
    let again = wallet.refuse_document(one.transaction(), "다시").await.unwrap_err();
    assert_eq!(again.code(), "signing_over");
    assert_eq!(desk.document(&id).await.0, 409);
}

#[tokio::test]
async fn signers_come_in_their_order_and_each_sees_the_signatures_before() {
    let desk = Desk::new().await;
    let mut first = official(&desk.town, OFFICIAL).await;
    let mut second = official(&desk.town, COLLEAGUE).await;
    let (_, body) = desk.asked(|body| body["signers"] = json!([signer(OFFICIAL), signer(COLLEAGUE)])).await;
    let id = body["id"].as_str().unwrap().to_owned();
    assert_eq!(second.documents().await.unwrap(), []);
    let early = requests::Phone {
        account: account_of(&second),
        device_key: SecretKey::generate().public_key().clone(),
    };
    assert!(matches!(requests::seen(&desk.town, &early, &id).await, Err(SigningError::Unknown)));
    let refusal = RefuseSigning { request: id.clone(), reason: "먼저".into() };
    assert!(matches!(requests::refuse(&desk.town, &early, &refusal).await, Err(SigningError::Unknown)));

    let seen = first.see(first.documents().await.unwrap()[0].clone()).await.unwrap();
    first.sign(&[seen], &pin(RIGHT)).await.unwrap();
    desk.assembled().await;
    assert_eq!((desk.state(&id).await.as_str(), desk.document(&id).await.0), ("waiting", 409));

    let one = second.documents().await.unwrap()[0].clone();
    assert_eq!((one.transaction().place, one.transaction().signers), (2, 2));
    let seen = second.see(one).await.unwrap();
    assert_eq!(desk.checked(seen.pdf()).signatures.len(), 1);
    second.sign(&[seen], &pin(RIGHT)).await.unwrap();
    desk.assembled().await;
    let report = desk.checked(&desk.document(&id).await.1);
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    let names: Vec<_> =
        report.signatures.iter().map(|one| one.signer.clone().unwrap().name.unwrap()).collect();
    assert_eq!(names, [demo_data::person(OFFICIAL).name, demo_data::person(COLLEAGUE).name]);
}

#[tokio::test]
async fn one_pin_signs_a_list_of_documents_or_none_of_them() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let mut ids = Vec::new();
    for content in ["0 0 m", "1 1 m", "2 2 m"] {
        ids.push(desk.ask(content).await);
    }
    let mut seen = Vec::new();
    for one in wallet.documents().await.unwrap() {
        seen.push(wallet.see(one).await.unwrap());
    }
    assert_eq!(desk.send("DELETE", &format!("/{}", ids[1]), &desk.key, None).await.0, 204);
    assert_eq!(refused(wallet.sign(&seen, &pin(RIGHT)).await), "signing_over");
    desk.assembled().await;
    assert_eq!(
        (desk.state(&ids[0]).await, desk.state(&ids[1]).await),
        ("waiting".into(), "withdrawn".into())
    );

    seen.retain(|one| one.transaction().request != ids[1]);
    assert_eq!(wallet.sign(&[], &pin(RIGHT)).await, Err(SignError::Count));
    wallet.sign(&seen, &pin(RIGHT)).await.unwrap();
    desk.assembled().await;
    for id in [&ids[0], &ids[2]] {
        assert_eq!(desk.checked(&desk.document(id).await.1).verdict, Verdict::Genuine);
    }
}

#[tokio::test]
async fn one_that_ended_in_the_last_moment_leaves_the_whole_list_unsigned() {
    let desk = Desk::new().await;
    let wallet = official(&desk.town, OFFICIAL).await;
    let account = account_of(&wallet);
    let (id, other) = (desk.ask("0 0 m").await, desk.ask("9 9 m").await);
    let both = [
        signed_by_hand(&desk.town, &account, &id).await.unwrap(),
        signed_by_hand(&desk.town, &account, &other).await.unwrap(),
    ];
    let given = requests::given(&desk.town, &account, &both).await.unwrap();
    assert_eq!(desk.send("DELETE", &format!("/{other}"), &desk.key, None).await.0, 204);
    assert_eq!(apply(&desk.town, &account, given).await, Err("signing_over".to_owned()));
    desk.assembled().await;
    assert_eq!(desk.state(&id).await, "waiting");
}

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_with_its_reason_and_belongs_to_who_made_it() {
    let desk = Desk::new().await;
    official(&desk.town, OFFICIAL).await;
    let cases: [(&str, Value, u16, &str); 10] = [
        ("title", "".into(), 400, "signing_text"),
        ("title", "가".repeat(121).into(), 400, "signing_text"),
        ("purpose", "예시\u{7}".into(), 400, "signing_text"),
        ("document", "no base64!".into(), 413, "signing_size"),
        ("document", b64_encode(b"no pdf").into(), 422, "document_pdf"),
        ("expires_in", 299.into(), 400, "signing_deadline"),
        ("expires_in", i64::MAX.into(), 400, "signing_deadline"),
        ("signers", json!([]), 400, "signing_signers"),
        ("signers", json!([signer(OFFICIAL), signer(OFFICIAL)]), 400, "signing_signers"),
        ("signers", json!([signer(OFFICIAL), signer(COLLEAGUE)]), 422, "signing_signer"),
    ];
    for (name, value, status, code) in cases {
        let (got, body) = desk.asked(|body| body[name] = value).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{name}");
    }
    let (status, body) = desk.asked(|body| body["webhook"] = true.into()).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("signing_webhook")));
    let id = desk.ask("q Q").await;
    let other = cli::register(&desk.town.platform, registration("other")).await.unwrap().api_key.unwrap();
    for (key, status) in [(other.as_str(), 404), ("nobody's", 401)] {
        for (method, path) in
            [("GET", format!("/{id}")), ("GET", format!("/{id}/document")), ("DELETE", format!("/{id}"))]
        {
            assert_eq!(desk.send(method, &path, key, None).await.0, status, "{method} {path}");
        }
    }
    assert_eq!(desk.state(&id).await, "waiting");
}

#[tokio::test]
async fn a_key_is_certified_a_bounded_number_of_times_and_is_never_the_phones_own() {
    let desk = Desk::new().await;
    let wallet = official(&desk.town, OFFICIAL).await;
    let account = account_of(&wallet);
    let id = desk.ask("q Q").await;
    let device = device_key(&wallet).await;
    let phone = requests::Phone { account: account.clone(), device_key: device.public_key().clone() };
    let document = b64url_encode(&keys::sha256(&page("q Q")));
    let own = OpenSigning { request: id.clone(), document, key: device.public_key().to_jwk() };
    assert!(matches!(requests::open(&desk.town, &phone, &own).await, Err(SigningError::Malformed("key"))));
    desk.execute("UPDATE signing_signer SET opens = $1", params![limits::SIGNING_OPENS.get() - 1]).await;
    signed_by_hand(&desk.town, &account, &id).await.unwrap();
    let again = signed_by_hand(&desk.town, &account, &id).await;
    assert!(matches!(again, Err(SigningError::TooOften)));
}

#[tokio::test]
async fn a_signature_whose_reply_was_lost_is_given_once_and_known_after_a_resume() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let id = desk.ask("q Q").await;
    let seen = wallet.see(wallet.documents().await.unwrap()[0].clone()).await.unwrap();
    // open, challenge, instruction: the third answer is lost, and asked for at once.
    wallet.shell().net.fault.plan(2, Break::ReplyLost);
    wallet.sign(&[seen], &pin(RIGHT)).await.unwrap();
    assert!(wallet.shell().net.fault.clear());
    desk.assembled().await;
    assert_eq!(desk.state(&id).await, "signed");
}

#[tokio::test]
async fn phone_and_relying_party_are_told() {
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<String>>>);
    async fn take(State(heard): State<Heard>, body: String) {
        heard.0.lock().unwrap().push(body);
    }
    let heard = Heard::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/mapae", listener.local_addr().unwrap().port());
    let router = axum::Router::new().route("/mapae", axum::routing::post(take)).with_state(heard.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let desk = Desk::of(town_with(|config| config.demo.enabled = true).await).await;
    cli::webhook(&desk.town.platform, "portal", Some(url)).await.unwrap();
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let key = b64url_encode(SecretKey::generate().public_key().as_sec1());
    let auth = b64url_encode(&[7; 16]);
    let endpoint = "https://push.example/a";
    wallet
        .subscribe(&json!({ "endpoint": endpoint, "keys": { "p256dh": key, "auth": auth } }))
        .await
        .unwrap();

    let (status, body) = desk.asked(|body| body["webhook"] = true.into()).await;
    assert_eq!(status, 201);
    let sql = "SELECT push_kind FROM notification_outbox WHERE push_kind IS NOT NULL";
    let told = desk.town.store.fetch_all(sql, params![]).await.unwrap();
    assert_eq!(told[0].text("push_kind").unwrap(), PushKind::Document.as_str());

    let seen = wallet.see(wallet.documents().await.unwrap()[0].clone()).await.unwrap();
    wallet.sign(&[seen], &pin(RIGHT)).await.unwrap();
    desk.assembled().await;
    requests::tell_for_tests(&desk.town.platform).await;
    requests::tell_for_tests(&desk.town.platform).await;
    let bodies = heard.0.lock().unwrap().clone();
    let [event] = bodies.as_slice() else { panic!("told {} times", bodies.len()) };
    let event = Unverified::parse(event, 4_096).unwrap();
    assert_eq!(event.header().typ.as_deref(), Some("mapae-signing+jwt"));
    let claims: Value = event.dangerous_claims().unwrap();
    assert_eq!((&claims["reference"], &claims["signature"]["state"]), (&body["id"], &json!("signed")));
}

#[tokio::test]
async fn the_same_in_the_words_of_the_cloud_signature_consortium() {
    let desk = Desk::new().await;
    let mut wallet = official(&desk.town, OFFICIAL).await;
    let csc = async |path: &str, body: Value| {
        let (status, body) = desk.send_to("POST", &format!("/csc/v2/{path}"), &desk.key, Some(body)).await;
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let person = demo_data::person(OFFICIAL);
    let name = format!("{}/{}", person.agency, person.number);
    let (_, info) = csc("info", json!({})).await;
    assert!(info["methods"].as_array().unwrap().contains(&json!("signatures/signDoc")));
    let (_, listed) = csc("credentials/list", json!({ "userID": name })).await;
    assert_eq!(listed, json!({ "credentialIDs": [name] }));
    let colleague = demo_data::person(COLLEAGUE);
    let nobody = format!("{}/{}", colleague.agency, colleague.number);
    assert_eq!(csc("credentials/list", json!({ "userID": nobody })).await.1, json!({ "credentialIDs": [] }));
    let (_, one) = csc("credentials/info", json!({ "credentialID": name })).await;
    assert_eq!((&one["SCAL"], &one["key"]["status"]), (&json!("2"), &json!("enabled")));

    let document = |format: &str| json!({ "document": b64_encode(&page("q Q")), "signature_format": format, "label": "예시", "purpose": "예시" });
    let body = |mode: &str, format: &str| json!({ "credentialID": name, "operationMode": mode, "documents": [document(format)] });
    for (mode, format) in [("S", "P"), ("A", "C")] {
        let (status, refused) = csc("signatures/signDoc", body(mode, format)).await;
        assert_eq!((status, refused["error"].as_str()), (400, Some("invalid_request")));
    }
    let (status, asked) = csc("signatures/signDoc", body("A", "P")).await;
    assert_eq!(status, 200, "{asked}");
    assert_eq!(csc("signatures/signPolling", asked.clone()).await.0, 202);
    let seen = wallet.see(wallet.documents().await.unwrap()[0].clone()).await.unwrap();
    wallet.sign(&[seen], &pin(RIGHT)).await.unwrap();
    desk.assembled().await;
    let (status, signed) = csc("signatures/signPolling", asked).await;
    assert_eq!(status, 200);
    let pdf = signed["DocumentWithSignature"][0].as_str().unwrap();
    assert_eq!(desk.checked(&keys::encoding::b64_decode(pdf).unwrap()).verdict, Verdict::Genuine);
    let (status, refused) =
        desk.send_to("POST", "/csc/v2/credentials/list", "nobody's", Some(json!({ "userID": name }))).await;
    assert_eq!(
        (status, serde_json::from_slice::<Value>(&refused).unwrap()["error"].as_str()),
        (401, Some("invalid_token"))
    );
}
