//! The wallet provider as phones meet it: the real wallet client speaks to the real routes, over a network and a
//! storage that can be broken.

mod approvals;
pub(crate) mod authenticator;
mod certificates;
mod change_of_pin;
mod desk_documents;
mod documents;
mod enrolment;
mod forgotten_pin;
mod gates;
mod instructions;
mod issuers;
mod passkeys;
mod push;
mod recovery;
mod refusals;
mod renewal;
mod standing;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use tower::ServiceExt as _;
use wallet::account::messages::AccountState;
use wallet::pin::{Owner, Pin, Salt};
use wallet::ports::{
    Clock as _, Http, HttpError, KeyHandle, Method, Request, Response, Shell, SoftwareKeys, Storage,
    StorageError,
};
use wallet::state::{Account, Device, PinRecord, State};
use wallet::vault::{self, VaultKey};
use wallet::{Secret, Wallet};

use super::record::pin_place;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, id, server};
use crate::testing::{TestPlatform, platform};

/// How a write is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// It is not done.
    Refused,
    /// It is done, but nobody hears of it.
    ReplyLost,
}

/// Breaks the n-th write, once.
#[derive(Debug, Default)]
pub(super) struct Fault {
    seen: AtomicUsize,
    plan: Mutex<Option<(usize, Break)>>,
}

impl Fault {
    pub(super) fn plan(&self, nth: usize, how: Break) {
        self.seen.store(0, Ordering::SeqCst);
        *self.plan.lock().unwrap() = Some((nth, how));
    }

    /// Whether the planned fault has happened, and none is planned any more.
    pub(super) fn clear(&self) -> bool {
        self.plan.lock().unwrap().take().is_none()
    }

    fn strikes(&self) -> Option<Break> {
        let nth = self.seen.fetch_add(1, Ordering::SeqCst);
        let mut plan = self.plan.lock().unwrap();
        match *plan {
            Some((at, how)) if at == nth => {
                *plan = None;
                Some(how)
            }
            _ => None,
        }
    }
}

/// The network: requests go straight into the router.
#[derive(Clone, Debug)]
pub(super) struct Net {
    router: axum::Router,
    pub(super) fault: Arc<Fault>,
}

impl Http for Net {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let broken = self.fault.strikes();
        if broken == Some(Break::Refused) {
            return Err(HttpError::Unreachable);
        }
        let path = request.url.strip_prefix("http://localhost:8600").ok_or(HttpError::Address)?.to_owned();
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        let mut builder = axum::http::Request::builder().method(method).uri(path);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let response =
            self.router.clone().oneshot(builder.body(Body::from(request.body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let body = to_bytes(response.into_body(), 8 << 20).await.unwrap().to_vec();
        if broken == Some(Break::ReplyLost) {
            return Err(HttpError::AnswerLost);
        }
        Ok(Response { status, headers, body })
    }
}

/// The phone's disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    blob: Arc<Mutex<Option<Vec<u8>>>>,
    pub(super) fault: Arc<Fault>,
}

impl Storage for Disk {
    async fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.blob.lock().unwrap().clone())
    }

    async fn save(&self, blob: &[u8]) -> Result<(), StorageError> {
        let broken = self.fault.strikes();
        if broken == Some(Break::Refused) {
            return Err(StorageError::Full);
        }
        *self.blob.lock().unwrap() = Some(blob.to_vec());
        if broken == Some(Break::ReplyLost) { Err(StorageError::Failed("cut".into())) } else { Ok(()) }
    }
}

/// The platform's clock, so that both sides agree.
#[derive(Clone, Debug)]
pub(super) struct PhoneClock(Arc<Platform>);

impl wallet::ports::Clock for PhoneClock {
    fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Phone {
    keys: SoftwareKeys,
    pub(super) disk: Disk,
    pub(super) net: Net,
    clock: PhoneClock,
}

impl Shell for Phone {
    type Keys = SoftwareKeys;
    type Storage = Disk;
    type Http = Net;
    type Clock = PhoneClock;

    fn keys(&self) -> &SoftwareKeys {
        &self.keys
    }

    fn storage(&self) -> &Disk {
        &self.disk
    }

    fn http(&self) -> &Net {
        &self.net
    }

    fn clock(&self) -> &PhoneClock {
        &self.clock
    }
}

impl Phone {
    pub(super) fn new(platform: &TestPlatform) -> Phone {
        let net = Net { router: server::public_router(platform), fault: Arc::default() };
        Phone { keys: SoftwareKeys, disk: Disk::default(), net, clock: PhoneClock(Arc::clone(platform)) }
    }

    pub(super) fn key() -> VaultKey {
        VaultKey::from_bytes([7; 32])
    }

    /// A wallet as it is after its installation.
    pub(super) async fn installed(&self) -> Wallet<Phone> {
        Wallet::create(self.clone(), Phone::key(), Vec::new()).await.unwrap()
    }

    /// The wallet as it is after a restart of the app.
    pub(super) async fn restarted(&self) -> Wallet<Phone> {
        Wallet::open(self.clone(), Phone::key()).await.unwrap()
    }
}

pub(super) fn pin(text: &str) -> Pin {
    Pin::parse(text).unwrap()
}

pub(super) const RIGHT: &str = "493817";
pub(super) const WRONG: &str = "493818";
pub(super) const NEXT: &str = "805263";

/// A phone with an account, as if it had just been enrolled.
pub(super) struct Enrolled {
    pub(super) platform: Arc<TestPlatform>,
    pub(super) phone: Phone,
    pub(super) account: String,
}

impl Enrolled {
    pub(super) async fn new() -> Enrolled {
        Enrolled::on(platform().await).await
    }

    pub(super) async fn on(platform: TestPlatform) -> Enrolled {
        let phone = Phone::new(&platform);
        let account = enrol(&platform, &phone).await;
        Enrolled { platform: Arc::new(platform), phone, account }
    }

    pub(super) fn on_same(other: &Enrolled, phone: Phone, account: String) -> Enrolled {
        Enrolled { platform: Arc::clone(&other.platform), phone, account }
    }

    pub(super) async fn wallet(&self) -> Wallet<Phone> {
        self.phone.restarted().await
    }

    pub(super) async fn column(&self, column: &'static str) -> i64 {
        let row = self.row().await;
        row.int(column).unwrap()
    }

    pub(super) async fn row(&self) -> crate::operations::store::Row {
        let sql = "SELECT tries, sequence, pin_generation, pin_key, pin_next, device_thumbprint FROM account \
                   WHERE id = $1";
        self.platform.store.fetch_one(sql, params![&self.account]).await.unwrap()
    }

    pub(super) async fn execute(
        &self,
        sql: &'static str,
        values: Vec<crate::operations::store::Value>,
    ) -> u64 {
        self.platform
            .store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { tx.execute(sql, values).await }))
            .await
            .unwrap()
    }
}

/// Writes an account with the PIN [`RIGHT`] and gives the phone the vault that belongs to it.
async fn enrol(platform: &TestPlatform, phone: &Phone) -> String {
    let account = id::new();
    let device = keys::SecretKey::generate();
    let salt = Salt::generate();
    let thumbprint = device.public_key().thumbprint();
    let pin_key = pin(RIGHT).key(&salt).public_key().to_sec1();
    let sealed = platform.sealer.seal("account", "pin_key", &pin_place(&account, &thumbprint), &pin_key);
    let (row_id, device_sec1, now_ms) =
        (account.clone(), device.public_key().to_sec1().to_vec(), platform.now_ms());
    let employee = id::new();
    let jkt = thumbprint.clone();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, \
                     pin_key, pin_generation, pin_right_at, sequence, tries, charged_at, created_at) \
                     VALUES ($1, $2, $2, 'pending', $3, $4, $5, 1, $6, 0, 0, 0, $6)",
                    params![row_id, employee, device_sec1, jkt, sealed, now_ms],
                )
                .await
            })
        })
        .await
        .unwrap();
    let state = State {
        device: Some(Device {
            handle: KeyHandle(Secret::new(keys::encoding::b64url_encode(device.to_bytes().as_slice()))),
            public_key: device.public_key().to_jwk(),
        }),
        account: Some(Account {
            provider: "http://localhost:8600".into(),
            id: account.clone(),
            pin: PinRecord { generation: 1, salt },
            pin_change: None,
            owner: Owner::default(),
            result_keys: keys::JwkSet::default(),
            state: AccountState::Pending,
            tries_left: 5,
            offer: None,
            code: None,
            passkey: None,
            salt_key: None,
            salt_kept: Vec::new(),
            status: None,
        }),
        ..State::default()
    };
    let blob = vault::seal(&Phone::key(), b"", &serde_json::to_vec(&state).unwrap()).unwrap();
    phone.disk.save(&blob).await.unwrap();
    account
}

/// A device key of nobody, and one of the phone's own.
pub(super) async fn device_key(wallet: &Wallet<Phone>) -> keys::SecretKey {
    let handle = wallet.state().device.as_ref().unwrap().handle.clone();
    let bytes: [u8; 32] = keys::encoding::b64url_decode(&handle.0).unwrap().as_slice().try_into().unwrap();
    keys::SecretKey::from_bytes(&bytes).unwrap()
}

pub(super) async fn post(phone: &Phone, path: &str, body: serde_json::Value) -> (u16, serde_json::Value) {
    let url = format!("http://localhost:8600/wallet/v1{path}");
    let response = phone.net.send(Request::json_bytes(url, body.to_string().into_bytes())).await.unwrap();
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

pub(super) fn now_s(phone: &Phone) -> i64 {
    phone.clock.now_s()
}
