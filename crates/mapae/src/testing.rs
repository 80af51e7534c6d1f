//! A platform for tests: on a SQLite file of its own, or, when `MAPAE_TEST_POSTGRES` holds the URL of a PostgreSQL
//! server, on a database of its own there. One suite runs on both; the clock is set by the test.

#![allow(clippy::expect_used, reason = "test support: a test that cannot be set up has to stop")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::OnceCell;

use crate::operations::restore::{self, Closed, Remembered, RestoreError};
use crate::operations::transfer::backup;
use crate::operations::{Clock, Config, Platform, Store};

/// 2026-11-24T00:00:00Z, where every test begins.
pub const BEGINNING_MS: i64 = 1_795_478_400_000;

/// A clock that stands until it is set.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(BEGINNING_MS))
    }
}

impl TestClock {
    /// Sets the time.
    pub fn set_ms(&self, now: i64) {
        self.0.store(now, Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance_ms(&self, by: i64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A platform with its clock; derefs to the platform.
#[derive(Debug)]
pub struct TestPlatform {
    pub platform: Arc<Platform>,
    pub clock: Arc<TestClock>,
    folder: PathBuf,
}

impl TestPlatform {
    /// Imports the demo agencies and the first `count` people of [`crate::personnel::demo_data`]; their ids, in order.
    /// Person 0 heads the first department, person 1 is the deputy.
    pub async fn people(&self, count: u64) -> Vec<String> {
        use crate::personnel::{cli, demo_data, employee_by_number, import};
        let (agencies, people) = cli::write_demo_files(&self.folder, count).expect("demo files");
        let options = import::Options { dry_run: false, source: "demo".into(), actor: "test".into() };
        for file in [agencies, people] {
            let report =
                import::import(&self.platform, &file, &options, &mut |_, _| {}).await.expect("import");
            assert_eq!(report.bad, 0, "{:?}", report.bad_lines);
        }
        let mut ids = Vec::new();
        for n in 0..count {
            let person = demo_data::person(n);
            let found =
                employee_by_number(&self.platform, person.agency, &person.number).await.expect("found");
            ids.push(found.expect("imported").id);
        }
        ids
    }
}

impl TestPlatform {
    /// Another process on the same store, key file and clock.
    pub async fn replica(&self) -> Arc<Platform> {
        let clock = Arc::<TestClock>::clone(&self.clock);
        Platform::open(self.platform.config.clone(), clock).await.expect("replica")
    }
}

impl TestPlatform {
    /// A backup of this platform restored into an empty store, and closed.
    pub async fn restored(
        &self,
        file: &std::path::Path,
        remembered: &Remembered,
    ) -> Result<(TestPlatform, Closed), RestoreError> {
        let (url, closed) = self.restored_into(file, remembered).await;
        let closed = closed?;
        let mut config = self.platform.config.clone();
        config.store.url = url;
        let clock = Arc::clone(&self.clock);
        let platform = Platform::open(config, Arc::<TestClock>::clone(&clock)).await.expect("restored");
        Ok((TestPlatform { platform, clock, folder: new_folder() }, closed))
    }

    /// The same; also where it failed.
    pub async fn restored_into(
        &self,
        file: &std::path::Path,
        remembered: &Remembered,
    ) -> (String, Result<Closed, RestoreError>) {
        let url = empty_store_url().await;
        let closed = self.restored_at(&url, file, remembered).await;
        (url, closed)
    }

    /// The same; into a store where it may have begun before.
    pub async fn restored_at(
        &self,
        url: &str,
        file: &std::path::Path,
        remembered: &Remembered,
    ) -> Result<Closed, RestoreError> {
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&self.clock);
        let target = Store::open(url, Arc::clone(&clock)).await.expect("store");
        backup::unpack(file, &target, Arc::clone(&clock), &mut |_, _| {}).await.expect("unpacked");
        let mut config = self.platform.config.clone();
        url.clone_into(&mut config.store.url);
        let platform = Platform::of(config, target, clock).await.expect("platform");
        let closed = restore::close(&platform, remembered).await;
        platform.store.close().await;
        closed
    }
}

impl std::ops::Deref for TestPlatform {
    type Target = Arc<Platform>;

    fn deref(&self) -> &Self::Target {
        &self.platform
    }
}

impl Drop for TestPlatform {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        if postgres_url().is_some() {
            FINISHED
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self.platform.config.store.url.clone());
        }
    }
}

/// Databases whose test is over. A thousand of them would fill a disk, so [`create`] drops them, many at a time: each drop is a
/// checkpoint, and only the first of a row has much to write.
static FINISHED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Key file and migrated, keyed database from which every test's own is copied: making an RSA key takes a while.
#[derive(Debug)]
struct Template {
    key: Vec<u8>,
    /// The SQLite file.
    file: Vec<u8>,
    /// The PostgreSQL database.
    database: String,
}

static TEMPLATE: OnceCell<Template> = OnceCell::const_new();

/// The URL of a PostgreSQL server, when the suite is to run there.
pub fn postgres_url() -> Option<String> {
    std::env::var("MAPAE_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

/// A fresh platform with the default configuration (on ports the system chooses).
pub async fn platform() -> TestPlatform {
    platform_with(|_| {}).await
}

/// A fresh platform whose configuration `change` may alter.
pub async fn platform_with(change: impl FnOnce(&mut Config)) -> TestPlatform {
    let template = TEMPLATE.get_or_init(template).await;
    let folder = new_folder();
    let mut config = configuration(&folder);
    std::fs::write(&config.keys.file, &template.key).expect("key file");
    private(&config.keys.file);
    if let Some(server) = postgres_url() {
        let name = unique_name();
        create(&server, &format!("{name} TEMPLATE {}", template.database)).await;
        config.store.url = with_database(&server, &name);
    } else {
        std::fs::write(folder.join("mapae.db"), &template.file).expect("database file");
    }
    change(&mut config);
    let clock = Arc::new(TestClock::default());
    let platform = Platform::open(config, Arc::<TestClock>::clone(&clock)).await.expect("platform");
    TestPlatform { platform, clock, folder }
}

/// A URL for an empty store of the engine under test.
pub async fn empty_store_url() -> String {
    if let Some(server) = postgres_url() {
        let name = unique_name();
        create(&server, &name).await;
        return with_database(&server, &name);
    }
    format!("sqlite:{}", new_folder().join("empty.db").display())
}

fn configuration(folder: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.store.url = format!("sqlite:{}", folder.join("mapae.db").display());
    config.keys.file = folder.join("mapae.key");
    config.ledger.file = folder.join("ledger.db");
    config.public.listen.set_port(0);
    config.console.listen.set_port(0);
    config.metrics.listen.set_port(0);
    // Whether or not the wallet app was built, the tests' phones open the same links.
    "openid4vp".clone_into(&mut config.login.open_app);
    config
}

async fn template() -> Template {
    let folder = new_folder();
    let mut config = configuration(&folder);
    let mut database = String::new();
    if let Some(server) = postgres_url() {
        database = unique_name();
        create(&server, &database).await;
        config.store.url = with_database(&server, &database);
    }
    let key = config.keys.file.clone();
    let platform = Platform::open(config, Arc::new(TestClock::default())).await.expect("template platform");
    platform.store.close().await;
    let template = Template {
        key: std::fs::read(key).expect("key file"),
        file: std::fs::read(folder.join("mapae.db")).unwrap_or_default(),
        database,
    };
    let _ = std::fs::remove_dir_all(&folder);
    template
}

fn new_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mapae-test-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder).expect("temporary folder");
    folder
}

fn unique_name() -> String {
    format!("mapae_test_{}", crate::operations::id::new().replace('-', ""))
}

fn private(file: &std::path::Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("0600");
    }
}

fn with_database(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).expect("MAPAE_TEST_POSTGRES is a URL");
    url.set_path(&format!("/{name}"));
    url.to_string()
}

/// Creates a database, and drops those that are no longer needed.
async fn create(server: &str, database: &str) {
    let mut connection = sqlx::PgConnection::connect(server).await.expect("PostgreSQL answers");
    let finished = {
        let mut finished = FINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        if finished.len() < 24 { Vec::new() } else { std::mem::take(&mut *finished) }
    };
    let mut statements = vec![format!("CREATE DATABASE {database}")];
    for url in finished {
        let url = url::Url::parse(&url).expect("a database's URL");
        let name = url.path().trim_start_matches('/');
        statements.push(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }
    for sql in statements {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("statement");
    }
    connection.close().await.expect("close");
}
