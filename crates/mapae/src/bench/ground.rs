//! What the measurements stand on: a folder, a configuration, officials approved by three and invited, a relying party.
//!
//! Everything is done by the services' own functions on the store that the server will open, before it does.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use openid::approval::Level;
use url::Url;

use super::AnyError;
use crate::application::{self, Decision, Kind, Request, Step};
use crate::notification::{GatewayError, Sms, SmsGateway, Taken, Worker};
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::demo_data::{self, DemoPerson};
use crate::personnel::{self, cli::write_demo_files, import};
use crate::staff::demo::PASSWORD;
use crate::staff::{self, Actor, Attempt, Door};
use crate::verification;
use crate::verification::relying_party::{IdTokenAlg, Registration, StartLevel, Subject};

/// Where the relying party's browser is sent back to; nobody listens there, the code is read off the redirect.
pub(super) const REDIRECT: &str = "http://localhost:9/callback";
/// Client id of the relying party that logs in.
pub(super) const CLIENT: &str = "bench";
/// Fictional officials who hold the desks; the demo's accounts are among them.
pub(super) const DESK_PEOPLE: u64 = 1_000;
/// The first of those who get a badge.
const FIRST: u64 = 2_000_000;
/// The head of the department that all of them belong to.
const HEAD: u64 = 750;
/// Services that are asked at once while the ground is laid.
const AT_ONCE: usize = 64;

/// How many officials get ready for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// With an offer to a wallet of their own.
    pub(super) offers: u64,
    /// With an invitation to this platform's wallet.
    pub(super) invitations: u64,
}

/// An approved official with an offer to any standard wallet.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) link: String,
    pub(super) tx_code: String,
}

/// An approved official who may set up the phone.
#[derive(Clone, Debug)]
pub(super) struct Invited {
    pub(super) person: DemoPerson,
    pub(super) link: String,
    pub(super) code: String,
}

/// Everything is ready.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) folder: Folder,
    /// The configuration's file.
    pub(super) config: PathBuf,
    pub(super) platform: Arc<Platform>,
    /// Public base address.
    pub(super) origin: String,
    /// Base address of the metrics listener.
    pub(super) metrics: String,
    /// Secret of the relying party.
    pub(super) client_secret: String,
    pub(super) offered: Vec<Offered>,
    pub(super) invited: Vec<Invited>,
}

/// A folder that goes with this value.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new folder beside others.
    pub(super) fn make(beside: &Path) -> Result<Self, AnyError> {
        let path = beside.join(format!("mapae-bench-{}", crate::operations::id::new()));
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("mapae: {} is left behind: {error}", self.0.display());
        }
    }
}

impl Ground {
    /// Lays it in a new folder beside others.
    pub(super) async fn lay(beside: &Path, plan: Plan, store: Option<&str>) -> Result<Self, AnyError> {
        let folder = Folder::make(beside)?;
        let mut config = configuration(folder.path())?;
        if let Some(url) = store {
            url.clone_into(&mut config.store.url);
        }
        let origin = config.public.origin().to_owned();
        let metrics = format!("http://{}", config.metrics.listen);
        let laid = laid(folder.path(), config, plan).await?;
        let Laid { config, platform, client_secret, offered, invited, .. } = laid;
        Ok(Self { folder, config, platform, origin, metrics, client_secret, offered, invited })
    }
}

/// What was laid in a folder of somebody else's.
#[derive(Debug)]
pub(super) struct Laid {
    /// The configuration's file.
    pub(super) config: PathBuf,
    pub(super) platform: Arc<Platform>,
    /// Secret of the relying party.
    pub(super) client_secret: String,
    /// Its key for the API.
    pub(super) api_key: String,
    pub(super) offered: Vec<Offered>,
    pub(super) invited: Vec<Invited>,
}

/// Lays it in this folder, on the store of this configuration.
pub(super) async fn laid(folder: &Path, config: Config, plan: Plan) -> Result<Laid, AnyError> {
    let file = write_config(folder, &config)?;
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let count = plan.offers + plan.invitations;
    import_desks(&platform, folder).await?;
    import_officials(&platform, folder, 0..count).await?;
    staff::demo::make(&platform).await?;
    let (client_secret, api_key) = register(&platform).await?;
    let (approved, inbox) = approved(&platform, 0..count).await?;
    let (to_others, to_ours) = approved.split_at(usize::try_from(plan.offers)?);
    let offered = all_offered(&platform, to_others).await?;
    let invited = stream::iter(to_ours)
        .map(|(n, employee)| invited(&platform, &inbox, *n, employee))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Laid { config: file, platform, client_secret, api_key, offered, invited })
}

/// More approved officials with an offer, on ground that was laid before.
pub(super) async fn more_offers(
    platform: &Arc<Platform>,
    folder: &Path,
    which: Range<u64>,
) -> Result<Vec<Offered>, AnyError> {
    import_officials(platform, folder, which.clone()).await?;
    let (approved, _) = approved(platform, which).await?;
    all_offered(platform, &approved).await
}

/// These officials apply, are approved by three and get their message; with what came to their phones.
async fn approved(
    platform: &Arc<Platform>,
    which: Range<u64>,
) -> Result<(Vec<(u64, String)>, Arc<Inbox>), AnyError> {
    let desks = Desks::sign_in(platform).await?;
    let inbox = Arc::new(Inbox::default());
    let approved =
        stream::iter(which).map(|n| desks.approved(platform, n)).buffered(AT_ONCE).try_collect().await?;
    let worker = Worker::new(Arc::clone(platform), Arc::<Inbox>::clone(&inbox));
    while worker.round().await? > 0 {}
    Ok((approved, inbox))
}

async fn all_offered(platform: &Arc<Platform>, approved: &[(u64, String)]) -> Result<Vec<Offered>, AnyError> {
    stream::iter(approved)
        .map(|(_, employee)| offered(platform, employee))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// The defaults, on ports that are free now, in demo mode for its message box.
pub(super) fn configuration(folder: &Path) -> Result<Config, AnyError> {
    // All are held until all are chosen, so that no two are the same.
    let held = (0..4).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let chosen = held.iter().map(TcpListener::local_addr).collect::<Result<Vec<SocketAddr>, _>>()?;
    let [public, console, metrics, sample] =
        <[SocketAddr; 4]>::try_from(chosen).map_err(|_| "four ports were asked for")?;
    let mut config = Config::default();
    (config.public.listen, config.public.base_url) = (public, Url::parse(&format!("http://{public}"))?);
    (config.console.listen, config.console.base_url) = (console, Url::parse(&format!("http://{console}"))?);
    config.metrics.listen = metrics;
    (config.login.sample_listen, config.login.sample_base_url) = (sample, format!("http://{sample}"));
    config.store.url = format!("sqlite:{}", folder.join("mapae.db").display());
    config.keys.file = folder.join("mapae.key");
    config.demo.enabled = true;
    Ok(config)
}

/// Writes the file that the server is started with.
pub(super) fn write_config(folder: &Path, config: &Config) -> Result<PathBuf, AnyError> {
    let file = folder.join("mapae.toml");
    std::fs::write(&file, toml::to_string(config)?)?;
    Ok(file)
}

/// The `n`-th of those who get a badge: all of one department, so that three people can approve them.
pub(super) fn official(n: u64) -> DemoPerson {
    let head = demo_data::person(HEAD);
    DemoPerson {
        agency: head.agency,
        department_code: head.department_code,
        department: head.department,
        department_en: head.department_en,
        parent_department: head.parent_department,
        role: "",
        ..demo_data::person(FIRST + n)
    }
}

/// The employee id of the first official.
pub(super) async fn first_employee(platform: &Platform) -> Result<String, AnyError> {
    employee(platform, 0).await
}

/// The employee id of the `n`-th official.
pub(super) async fn employee(platform: &Platform, n: u64) -> Result<String, AnyError> {
    let person = official(n);
    let found = personnel::employee_by_number(platform, person.agency, &person.number).await?;
    Ok(found.ok_or("an official was not imported")?.id)
}

async fn import_desks(platform: &Arc<Platform>, folder: &Path) -> Result<(), AnyError> {
    let (agencies, desks) = write_demo_files(folder, DESK_PEOPLE)?;
    import_all(platform, [agencies, desks]).await
}

async fn import_officials(
    platform: &Arc<Platform>,
    folder: &Path,
    which: Range<u64>,
) -> Result<(), AnyError> {
    let officials = folder.join("officials.csv");
    let mut csv = String::from(demo_data::EMPLOYEE_HEADINGS);
    for n in which {
        let _ = write!(csv, "{}", official(n).csv_line());
    }
    std::fs::write(&officials, csv)?;
    import_all(platform, [officials]).await
}

async fn import_all(
    platform: &Arc<Platform>,
    files: impl IntoIterator<Item = PathBuf>,
) -> Result<(), AnyError> {
    let options = import::Options { dry_run: false, source: "bench".into(), actor: "operator".into() };
    for file in files {
        let report = import::import(platform, &file, &options, &mut |_, _| {}).await?;
        if report.bad > 0 {
            return Err(format!("{} lines of {} were refused", report.bad, file.display()).into());
        }
    }
    Ok(())
}

/// The relying party's secret and its key for the API.
async fn register(platform: &Platform) -> Result<(String, String), AnyError> {
    let claims = ["name", "agency_name", "inst_code", "department", "position", "employee_number"];
    let registration = Registration {
        id: CLIENT.to_owned(),
        name_ko: "예시 업무".to_owned(),
        name_en: "Example service".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        claims: claims.map(str::to_owned).to_vec(),
        level: StartLevel::Low,
        acr: Level::Base,
        remembers: false,
        subject: Subject::Pairwise,
        sector: None,
        id_token_alg: IdTokenAlg::ES256,
        public: false,
        api: true,
    };
    let secrets = verification::cli::register(platform, registration).await?;
    Ok(secrets.client_secret.zip(secrets.api_key).ok_or("a confidential client has a secret and a key")?)
}

/// The three who approve.
#[derive(Debug)]
struct Desks([(Actor, Step); 3]);

impl Desks {
    async fn sign_in(platform: &Platform) -> Result<Self, AnyError> {
        let at = async |login: &str, step: Step| -> Result<(Actor, Step), AnyError> {
            let (attempt, source) = (Attempt::from(PASSWORD.to_owned()), IpAddr::V4(Ipv4Addr::LOCALHOST));
            let signed_in = staff::sign_in(platform, Door::Console, login, attempt, source, None).await?;
            let actor = Actor::of_token(platform, &signed_in.token).await;
            Ok((actor.map_err(|denied| format!("{login}: {denied:?}"))?, step))
        };
        Ok(Self([
            at("yesi.bujang", Step::HeadApproval).await?,
            at("yesi.insa", Step::IdentityCheck).await?,
            at("yesi.insa2", Step::IssueApproval).await?,
        ]))
    }

    /// The `n`-th official applies, and all three approve; the employee's id.
    async fn approved(&self, platform: &Platform, n: u64) -> Result<(u64, String), AnyError> {
        let person = official(n);
        let employee = personnel::employee_by_number(platform, person.agency, &person.number).await?;
        let employee = employee.ok_or("an official was not imported")?;
        let request =
            Request { kind: Kind::First, note: "예시 신청".to_owned(), key: None, submit: true };
        let (application, _) = application::apply(platform, &employee.id, request).await?;
        let seen = application::record_digest(platform, &employee);
        for (actor, step) in &self.0 {
            let decision = Decision::Approve { seen: Some(seen.clone()) };
            application::decide(platform, actor, &application.id, *step, decision).await?;
        }
        Ok((n, employee.id))
    }
}

async fn offered(platform: &Arc<Platform>, employee: &str) -> Result<Offered, AnyError> {
    let (offer, tx_code) = application::offer_to_other_wallet(platform, employee).await?;
    Ok(Offered { link: offer.link, tx_code })
}

async fn invited(
    platform: &Arc<Platform>,
    inbox: &Inbox,
    n: u64,
    employee: &str,
) -> Result<Invited, AnyError> {
    let person = official(n);
    let text = inbox.newest(&person.phone).ok_or("an invitation did not come")?;
    let origin = platform.config.public.origin();
    let link = text.split_whitespace().find(|word| word.starts_with(origin));
    let link = link.ok_or("an invitation holds no address")?.to_owned();
    let code = application::new_code(platform, employee).await?.code;
    Ok(Invited { person, link, code })
}

/// A gateway that keeps the newest message of each number.
#[derive(Debug, Default)]
struct Inbox(Mutex<HashMap<String, String>>);

impl Inbox {
    fn newest(&self, phone: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digits(phone)).cloned()
    }
}

impl SmsGateway for Inbox {
    fn send<'a>(&'a self, sms: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>> {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        messages.insert(digits(sms.to), sms.text.to_owned());
        Box::pin(async { Ok(Taken::default()) })
    }
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}
