//! Gates on both stores: what controllers are told, what they decide, what comes back.

mod controllers;
mod displays;
mod feed;
mod passages;
mod setting_up;

use std::path::PathBuf;
use std::sync::Arc;

use gate::card::{Card, Phone};
use gate::fast::CardKeys;
use gate::pass::GateRef;
use gate::wire::Evidence;
use keys::{PublicKey, SecretKey};

use super::badge::give_pass;
use super::cli::{Command, perform};
use super::controller::{Carrier, Controller, client, disk::Folder};
use crate::lifecycle::{self, By, Reason};
use crate::operations::server::Server;
use crate::operations::store::{StoreError, params};
use crate::operations::{Clock, SystemClock};
use crate::testing::{TestPlatform, platform_with};

/// A server on a port of its own, with people, on the real time.
struct Town {
    platform: TestPlatform,
    server: Server,
    people: Vec<String>,
    folder: PathBuf,
}

/// A command line of the operator.
#[derive(Debug, clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

impl Town {
    async fn new(people: u64) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let platform = platform_with(|config| {
            config.public.listen.set_port(port);
            config.public.base_url = format!("http://localhost:{port}").parse().unwrap();
        })
        .await;
        // The controller compares the clock with its own monotonic one: time has to go on.
        platform.clock.set_ms(SystemClock.now_ms());
        let clock = Arc::clone(&platform.clock);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                clock.set_ms(SystemClock.now_ms());
            }
        });
        let people = platform.people(people).await;
        let folder = std::env::temp_dir().join(format!("mapae-gate-{}", crate::operations::id::new()));
        let server = Server::start(Arc::clone(&platform.platform)).await.unwrap();
        Self { platform, server, people, folder }
    }

    async fn order(&self, line: &str) -> serde_json::Value {
        let words = std::iter::once("gate").chain(line.split_whitespace());
        let line = <Line as clap::Parser>::try_parse_from(words).unwrap();
        perform(&self.platform.platform, line.command).await.unwrap()
    }

    fn base(&self) -> String {
        self.platform.config.public.origin().to_owned()
    }

    /// An employee's agency code.
    async fn agency(&self) -> String {
        let agency = crate::personnel::employee_agency(&self.platform, &self.people[0]).await.unwrap();
        agency.unwrap().code
    }

    /// A controller that is enrolled, with one door into the hall; the folder and the door.
    async fn controller(&self, name: &str) -> (Folder, GateRef) {
        let agency = self.agency().await;
        self.order(&format!("zone hall --agency {agency} --ko 현관 --en Hall")).await;
        let added = self.order(&format!("add {name} --agency {agency}")).await;
        let (id, code) = (added["id"].as_str().unwrap(), added["code"].as_str().unwrap());
        let folder = Folder::open(&self.folder.join(name)).unwrap();
        client::enrol(&client::http().unwrap(), &self.base(), code, &folder).await.unwrap();
        let door = self.order(&format!("door --controller {id} --zone hall --ko 정문 --en Gate")).await;
        (folder, GateRef::try_from(door["door"].as_str().unwrap().to_owned()).unwrap())
    }

    /// A controller that is open and in touch.
    async fn running(&self, folder: &Folder) -> Arc<Controller> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let controller = Controller::open(folder.clone(), clock).unwrap();
        tokio::spawn(Arc::clone(&controller).keep_in_touch(client::http().unwrap()));
        let seq = self.seq().await;
        until(|| controller.known().1 >= seq).await;
        controller
    }

    async fn seq(&self) -> u64 {
        let sql = "SELECT seq FROM gate_feed_head WHERE id = 1";
        self.platform.store.fetch_one(sql, params![]).await.unwrap().int("seq").unwrap().unsigned_abs()
    }

    /// A phone whose account holds the badge of the n-th person.
    async fn phone(&self, n: usize) -> TestPhone {
        let badge = lifecycle::tests::badge(&self.platform, &self.people[n]).await;
        let (id, account) = (badge.id.clone(), format!("account-{n}"));
        let holder = account.clone();
        self.platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE badge SET account_id = $2 WHERE id = $1";
                    tx.execute(sql, params![id, holder]).await
                })
            })
            .await
            .unwrap();
        let mut phone = TestPhone::new(badge.id, account);
        phone.renew(self).await.unwrap();
        phone
    }

    async fn change(&self, badge: &str, change: &'static str) {
        let badge = badge.to_owned();
        self.platform
            .store
            .write::<_, lifecycle::ChangeError, _>(move |tx| {
                Box::pin(async move {
                    let by = By::system();
                    match change {
                        "suspend" => lifecycle::suspend(tx, &badge, &by, Reason::Loss).await.map(drop),
                        "resume" => lifecycle::resume(tx, &badge, &by, Reason::Found).await.map(drop),
                        _ => lifecycle::revoke(tx, &badge, &by, Reason::Order).await.map(drop),
                    }
                })
            })
            .await
            .unwrap();
    }

    async fn close(self) {
        self.server.stop().await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits for something that comes within seconds.
async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if done() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it did not come");
}

/// A phone as a card.
struct TestPhone {
    badge: String,
    account: String,
    key: SecretKey,
    pass: Vec<u8>,
    until: i64,
    authorities: Vec<PublicKey>,
    card: Card,
    evidence: Evidence,
}

impl TestPhone {
    fn new(badge: String, account: String) -> Self {
        Self {
            badge,
            account,
            key: SecretKey::generate(),
            pass: Vec::new(),
            until: 0,
            authorities: Vec::new(),
            card: Card::new(CardKeys::default(), 1_024),
            evidence: Evidence { unlocked: true, age_s: 5 },
        }
    }

    async fn renew(&mut self, town: &Town) -> Result<(), super::badge::PassRefusal> {
        let given = give_pass(&town.platform, &self.account, self.key.public_key().clone()).await?;
        self.pass = keys::encoding::b64url_decode(&given.pass).unwrap();
        self.until = given.expires;
        self.authorities = given.authorities.iter().map(|jwk| PublicKey::from_jwk(jwk).unwrap()).collect();
        Ok(())
    }

    fn code(&self) -> String {
        let now_s = SystemClock.now_ms().div_euclid(1_000);
        gate::entry_code::make(&self.pass, self.evidence, now_s, &self.key).unwrap()
    }
}

impl Carrier for TestPhone {
    async fn transmit(&mut self, command: &[u8]) -> std::io::Result<Vec<u8>> {
        let phone = Phone {
            evidence: self.evidence,
            now_s: SystemClock.now_ms().div_euclid(1_000),
            sign: &|message| keys::Signer::sign(&self.key, message),
            pass: Some((&self.pass, self.until)),
            authorities: &self.authorities,
        };
        Ok(self.card.process(command, &phone).bytes)
    }
}
