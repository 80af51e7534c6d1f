//! What the walk stands on: a folder, a configuration, a running server, fictional agencies and people.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openid::approval::Level;
use serde_json::{Value, json};
use url::Url;

use super::AnyError;
use super::story::Story;
use crate::operations::server::Server;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::{
    self,
    cli::{write_demo_files, write_demo_posts},
};
use crate::staff;
use crate::verification;
use crate::verification::relying_party::{IdTokenAlg, Registration, StartLevel, Subject};

/// What the person asked for on the command line.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) data: Option<PathBuf>,
    pub(super) port: u16,
    pub(super) store: Option<String>,
    pub(super) people: u64,
}

/// Everything is up.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) platform: Arc<Platform>,
    pub(super) relying_party: Value,
    server: Server,
    folder: PathBuf,
    /// The folder was made for this run only.
    passing: bool,
}

impl Ground {
    /// Makes the folder, starts the server, brings in agencies, people, accounts and the sample relying party.
    pub(super) async fn lay(mut config: Config, wishes: Wishes, story: &mut Story) -> Result<Self, AnyError> {
        let passing = wishes.data.is_none();
        let folder = wishes.data.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("mapae-demo-{}", crate::operations::id::new()))
        });
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        configure(&mut config, &folder, &wishes)?;
        story.chapter("준비", "Ground");
        let (platform, server) = story
            .step(
                "start",
                ("서버 시작 (저장소, 열쇠, 수신)", "server started (store, keys, listeners)"),
                async {
                    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
                    let server = Server::start(Arc::clone(&platform)).await?;
                    let address = platform.config.public.origin().to_owned();
                    Ok(((platform, server), address))
                },
            )
            .await?;
        let people = wishes.people;
        story
            .step(
                "import",
                ("예시 기관과 공무원 가져오기", "fictional agencies and officials imported"),
                async {
                    let imported = import(&platform, &folder, people).await?;
                    Ok(((), imported))
                },
            )
            .await?;
        let relying_party = story
            .step("accounts", ("예시 계정과 이용기관", "demo accounts and relying party"), async {
                staff::demo::make(&platform).await?;
                let relying_party = register_judge(&platform).await?;
                Ok((relying_party, String::new()))
            })
            .await?;
        let registrar = folder.join("registrar");
        story
            .step(
                "ledger",
                (
                    "원장에 발급기관 등록·인정 (시연이 등록기관 역할도 함)",
                    "issuing agency registered and accredited on the ledger (the demo plays the registrar too)",
                ),
                async {
                    let did = crate::ledger::set_up_demo(&platform, &registrar).await?;
                    Ok(((), did))
                },
            )
            .await?;
        Ok(Self { platform, relying_party, server, folder, passing })
    }

    /// Plays the registrar for as long as the demo runs: a credential type that is put into its folder is accredited.
    pub(super) async fn play_registrar(&self) -> Result<(), AnyError> {
        let registrar = self.folder.join("registrar");
        let names = || -> Result<Vec<String>, AnyError> {
            Ok(crate::issuance::desk(&self.platform)?.type_names().map(str::to_owned).collect())
        };
        let mut known = names()?;
        loop {
            tokio::time::sleep(crate::operations::limits::TYPES_LOOK.duration()).await;
            let now = names()?;
            if now != known {
                crate::ledger::set_up_demo(&self.platform, &registrar).await?;
                known = now;
            }
        }
    }

    /// Where everything is.
    pub(super) fn urls(&self) -> Value {
        let config = &self.platform.config;
        json!({
            "public": config.public.origin(),
            "console": config.console.base_url.as_str().trim_end_matches('/'),
            "metrics": format!("http://{}", config.metrics.listen),
            "messages": format!("{}/demo/messages", config.public.origin()),
            "relying_party": config.login.sample_base_url.trim_end_matches('/'),
        })
    }

    /// What `mapae account …` has to know to work on this server's store.
    pub(super) fn operator_environment(&self) -> Value {
        let config = &self.platform.config;
        json!({
            "MAPAE__STORE__URL": config.store.url,
            "MAPAE__KEYS__FILE": config.keys.file,
            "MAPAE__LEDGER__FILE": config.ledger.file,
            "MAPAE__ISSUANCE__TYPES": config.issuance.types,
            "MAPAE__PUBLIC__BASE_URL": config.public.base_url,
            "MAPAE__CONSOLE__BASE_URL": config.console.base_url,
            "MAPAE__DEMO__ENABLED": "true",
        })
    }

    /// Where the phone keeps its vault.
    pub(super) fn vault(&self) -> PathBuf {
        self.folder.join("phone")
    }

    /// What the gate's controller keeps.
    pub(super) fn controller(&self) -> PathBuf {
        self.folder.join("gate")
    }

    /// Stops the server and removes what was made for this run only.
    pub(super) async fn clear(self) {
        self.server.stop().await;
        if self.passing
            && let Err(error) = std::fs::remove_dir_all(&self.folder)
        {
            eprintln!("mapae: {} is left behind: {error}", self.folder.display());
        }
    }
}

pub(super) fn configure(config: &mut Config, folder: &Path, wishes: &Wishes) -> Result<(), AnyError> {
    let port = |offset: u16| wishes.port.checked_add(offset).ok_or("the ports end at 65535");
    let listen = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    // Where a certificate is configured, the listener speaks TLS.
    let url = |port: u16, certificate: &Path| {
        let scheme = if certificate.as_os_str().is_empty() { "http" } else { "https" };
        Url::parse(&format!("{scheme}://localhost:{port}"))
    };
    let (public, console, metrics, sample) = (port(0)?, port(1)?, port(2)?, port(3)?);
    config.public.listen = listen(public);
    config.public.base_url = url(public, &config.public.tls_certificate)?;
    config.console.listen = listen(console);
    config.console.base_url = url(console, &config.console.tls_certificate)?;
    config.metrics.listen = listen(metrics);
    (config.login.sample_listen, config.login.sample_base_url) =
        (listen(sample), format!("http://localhost:{sample}"));
    config.store.url =
        wishes.store.clone().unwrap_or_else(|| format!("sqlite:{}", folder.join("mapae.db").display()));
    config.keys.file = folder.join("mapae.key");
    config.ledger.file = folder.join("ledger.db");
    if config.issuance.types.as_os_str().is_empty() {
        config.issuance.types = folder.join("types");
        std::fs::create_dir_all(&config.issuance.types)?;
    }
    config.demo.enabled = true;
    config.desk.purposes = vec![format!("{}: 예시 업무 포털에 로그인", crate::login::sample::CLIENT_ID)];
    Ok(())
}

/// The redirect URI of the relying party that programs play; nobody listens there, they read it off the redirect.
const JUDGE_REDIRECT: &str = "http://localhost:9/callback";

/// Registers a second relying party, for programs that play one against this server.
async fn register_judge(platform: &Platform) -> Result<Value, AnyError> {
    let claims = ["name", "agency_name", "inst_code", "department", "position", "employee_number"];
    let registration = Registration {
        id: "demo-program".to_owned(),
        name_ko: "예시 프로그램".to_owned(),
        name_en: "Example Program".to_owned(),
        redirect_uris: vec![JUDGE_REDIRECT.to_owned()],
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
    let id = registration.id.clone();
    let secrets = verification::cli::register(platform, registration).await?;
    Ok(json!({
        "client_id": id,
        "client_secret": secrets.client_secret,
        "api_key": secrets.api_key,
        "redirect_uri": JUDGE_REDIRECT,
    }))
}

pub(super) async fn import(platform: &Arc<Platform>, folder: &Path, people: u64) -> Result<String, AnyError> {
    let files = folder.join("import");
    let (agencies, employees) = write_demo_files(&files, people)?;
    let posts = write_demo_posts(&files, people)?;
    let options =
        personnel::import::Options { dry_run: false, source: "demo".into(), actor: "operator".into() };
    let mut rows = Vec::new();
    for file in [agencies, employees, posts] {
        let report = personnel::import::import(platform, &file, &options, &mut |_, _| {}).await?;
        if report.bad > 0 {
            return Err(format!("{} lines of {} were refused", report.bad, file.display()).into());
        }
        rows.push(report.new + report.unchanged + report.changed);
    }
    std::fs::remove_dir_all(files)?;
    let mut rows = rows.into_iter();
    Ok(format!("{} + {}", rows.next().unwrap_or(0), rows.next().unwrap_or(0)))
}
