//! The server that is killed, and what there is to reach at it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::super::AnyError;
use super::super::ground::{Wishes, configure, import};
use super::super::walk::{FIRST_STANDARD, MOST_STANDARD};
use crate::operations::store::Store;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::demo_data;
use crate::staff::{self, Login, Password};
use crate::testing;

const FOLDER: &str = "MAPAE_TEST_CHILD_FOLDER";
const STORE: &str = "MAPAE_TEST_CHILD_STORE";
const PORT: &str = "MAPAE_TEST_CHILD_PORT";

/// Where the server is, whether it lives just now or not.
pub(super) struct Site {
    pub(super) http: Client,
    pub(super) public: String,
    pub(super) console: String,
    pub(super) relying_party: String,
    folder: PathBuf,
    store: String,
    answers: Arc<AtomicU64>,
}

impl Site {
    /// A step was answered.
    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn login_of(&self, ordinal: u64) -> String {
        format!("yesi.kill{ordinal}")
    }

    /// How many messages a phone has received.
    pub(super) async fn messages(&self, to: &str) -> Result<usize, AnyError> {
        let url = format!("{}/demo/messages.json?to={to}", self.public);
        let list: Vec<Value> = self.http.get(&url).send().await?.error_for_status()?.json().await?;
        Ok(list.len())
    }

    pub(super) async fn open_store(&self) -> Store {
        Store::open(&self.store, Arc::new(SystemClock)).await.expect("the store opens after the last kill")
    }

    pub(super) fn clear(self) {
        let _ = std::fs::remove_dir_all(self.folder);
    }
}

/// What is needed to start it again.
pub(super) struct Victim {
    folder: PathBuf,
    store: String,
    port: u16,
    answers: Arc<AtomicU64>,
}

impl Victim {
    /// A store with people, accounts and desks, and no server yet.
    pub(super) async fn prepare() -> (Victim, Site) {
        let folder = std::env::temp_dir().join(format!("mapae-kill-{}", crate::operations::id::new()));
        std::fs::create_dir_all(&folder).expect("folder");
        let victim = Victim {
            folder,
            store: testing::empty_store_url().await,
            port: neighbouring_ports(),
            answers: Arc::default(),
        };
        let config = config(&victim.folder, &victim.store, victim.port);
        let site = Site {
            http: super::client(),
            public: config.public.origin().to_owned(),
            console: config.console.base_url.as_str().trim_end_matches('/').to_owned(),
            relying_party: config.login.sample_base_url.trim_end_matches('/').to_owned(),
            folder: victim.folder.clone(),
            store: victim.store.clone(),
            answers: Arc::clone(&victim.answers),
        };
        let platform = Platform::open(config, Arc::new(SystemClock)).await.expect("platform");
        import(&platform, &victim.folder, 1_000).await.expect("people");
        staff::demo::make(&platform).await.expect("desks");
        for ordinal in FIRST_STANDARD..FIRST_STANDARD + MOST_STANDARD {
            let person = demo_data::person(ordinal);
            let employee = crate::personnel::employee_by_number(&platform, person.agency, &person.number)
                .await
                .expect("people are there")
                .expect("this one too");
            let password = Password::new(staff::demo::PASSWORD.to_owned()).expect("password");
            let login = Login::new(&site.login_of(ordinal)).expect("login");
            staff::add(&platform, login, &employee.id, password, "operator").await.expect("account");
        }
        platform.store.close().await;
        (victim, site)
    }

    /// The configuration of a server at the site.
    pub(super) fn config(&self) -> Config {
        config(&self.folder, &self.store, self.port)
    }

    async fn start(&self) -> Child {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "demo::tests::child_that_serves_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env(FOLDER, &self.folder)
            .env(STORE, &self.store)
            .env(PORT, self.port.to_string())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("child");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        while lines.next_line().await.expect("a line").expect("the server starts after every kill") != "ready"
        {
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        child
    }

    /// Starts the server and kills it `kills` times, each time after a random life; the last one is left alive.
    pub(super) fn kill_again_and_again(self, kills: u32) -> Killer {
        let (done, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counting, ending) = (Arc::clone(&done), Arc::clone(&over));
        let task = tokio::spawn(async move {
            while counting.load(Ordering::SeqCst) < kills {
                let mut child = self.start().await;
                let [high, low] = keys::random::bytes::<2>();
                let before = self.answers.load(Ordering::SeqCst);
                let life = u64::from(u16::from_be_bytes([high, low])) % 250;
                tokio::time::sleep(Duration::from_millis(5 + life)).await;
                // On a slow machine every life might be too short for any step, and a sign-in that is killed too often stops its
                // account: each fourth one is long enough.
                while counting.load(Ordering::SeqCst) % 4 == 3
                    && self.answers.load(Ordering::SeqCst) == before
                    && !ending.load(Ordering::SeqCst)
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                if ending.load(Ordering::SeqCst) {
                    break;
                }
                child.kill().await.expect("killed");
                counting.fetch_add(1, Ordering::SeqCst);
            }
            let mut last = self.start().await;
            while !ending.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            last.kill().await.expect("killed");
        });
        Killer { task, kills: done, over }
    }
}

/// Kills in the background.
pub(super) struct Killer {
    task: tokio::task::JoinHandle<()>,
    kills: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
}

impl Killer {
    pub(super) fn kills(&self) -> u32 {
        self.kills.load(Ordering::SeqCst)
    }

    /// Kills the last server too.
    pub(super) async fn end(self) {
        self.over.store(true, Ordering::SeqCst);
        self.task.await.expect("killer");
    }
}

fn config(folder: &Path, store: &str, port: u16) -> Config {
    let mut config = Config::default();
    let wishes = Wishes { data: None, port, store: Some(store.to_owned()), people: 0 };
    configure(&mut config, folder, &wishes).expect("configuration");
    config
}

/// The configuration for the child, or nothing when it was started by itself.
pub(super) fn config_of_environment() -> Option<Config> {
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    let port = std::env::var(PORT).ok()?.parse().ok()?;
    Some(config(&folder, &std::env::var(STORE).ok()?, port))
}

/// The first of four neighbouring ports that nobody listens on now.
fn neighbouring_ports() -> u16 {
    for _ in 0..100 {
        let first =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it").port();
        let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if first < 65_000 && (first..first + 4).all(free) {
            return first;
        }
    }
    panic!("no four free ports beside each other");
}
