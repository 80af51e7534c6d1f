//! `mapae wallet …`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use credential::types::Format;
use keys::Zeroizing;
use serde_json::{Value, json};
use wallet::account::messages::OnboardingStep;
use wallet::issue;
use wallet::present::{Asked, Choice, Policy};

use super::ask::{self, Given};
use super::describe;
use super::driver::{Phone, read_pin};
use super::fault::PhoneError;
use super::http::HttpClient;
use super::lock::{Unlock, VAULT_FOLDER};
use super::sign_in::Return;
use crate::operations::Language;
use crate::operations::language;

/// What can be asked for, and how.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Folder of the vault [default: ~/.local/share/mapae/wallet].
    #[arg(long, global = true, env = "MAPAE_VAULT")]
    vault: Option<PathBuf>,
    /// Print one JSON object on standard output, errors too.
    #[arg(long, global = true)]
    json: bool,
    /// Language of the texts: ko or en.
    #[arg(long, global = true, env = "MAPAE_LANG", default_value = "ko")]
    lang: String,
    /// First line of this file is the vault's passphrase; without it a key file beside the vault opens it.
    #[arg(long, global = true)]
    passphrase_file: Option<PathBuf>,
}

/// A PIN: prompted for unless given.
#[derive(Debug, Default, clap::Args)]
pub(super) struct PinArgument {
    /// The PIN; other processes can see it here, so better leave it to the prompt or a file.
    #[arg(long, env = "MAPAE_PIN", hide_env_values = true)]
    pin: Option<String>,
    /// First line of this file is the PIN.
    #[arg(long)]
    pin_file: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a new, empty wallet.
    Init {
        /// Lock it by a passphrase that is asked for, instead of a key file.
        #[arg(long)]
        passphrase: bool,
    },
    /// Start the enrolment: the link of the text message and the code that the portal shows.
    Activate { link: String, code: String },
    /// Say who you are; a one-time password comes by text message.
    Prove {
        #[arg(long)]
        name: Option<String>,
        /// Resident registration number; better leave it to the prompt.
        #[arg(long)]
        rrn: Option<String>,
    },
    /// Give the one-time password back.
    Otp { code: Option<String> },
    /// The PIN.
    #[command(subcommand)]
    Pin(PinCommand),
    /// Change the PIN (the same as `pin change`).
    PinChange {
        #[command(flatten)]
        old: PinArgument,
        #[command(flatten)]
        new: NewPinArgument,
    },
    /// Receive a credential: the badge of this phone's account, or what an offer holds.
    Receive {
        /// openid-credential-offer://… or https://…
        offer: Option<String>,
        /// The code that the offer asks for.
        #[arg(long)]
        code: Option<String>,
        /// Fewer copies than the issuer gives at once.
        #[arg(long)]
        copies: Option<usize>,
        /// The only format to ask for: dc+sd-jwt or mso_mdoc.
        #[arg(long, value_parser = format)]
        format: Option<Format>,
        /// Only say what the offer holds.
        #[arg(long)]
        look: bool,
        /// Where a browser of your own comes back to, if the offer needs a sign-in: the address to open is told, and
        /// nothing is waited for.
        #[arg(long, value_name = "URI")]
        redirect_uri: Option<String>,
        /// The address that this browser was sent back to.
        #[arg(long, value_name = "URL", conflicts_with_all = ["offer", "look", "redirect_uri"])]
        signed_in: Option<String>,
    },
    /// Every step of the enrolment, from the link to the badge; goes on where it stopped.
    Enrol {
        #[arg(long)]
        link: Option<String>,
        #[arg(long)]
        code: Option<String>,
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        rrn: Option<String>,
        #[arg(long)]
        otp: Option<String>,
        #[command(flatten)]
        pin: PinArgument,
    },
    /// Show what is held, each credential verified.
    Show,
    /// Show claims to a verifier.
    Present {
        /// openid4vp://… or https://…
        link: String,
        #[command(flatten)]
        choice: ChoiceArguments,
        #[command(flatten)]
        pin: PinArgument,
    },
    /// Show claims to a page: what a browser hands over through the Digital Credentials API, and what goes back to it.
    Page(super::page::PageArguments),
    /// Log in: the link of the login page.
    Login {
        link: String,
        #[command(flatten)]
        choice: ChoiceArguments,
        #[command(flatten)]
        pin: PinArgument,
    },
    /// Be a card before a gate's reader until it goes away: over a virtual smart card reader, or a controller's line.
    Card(super::card::CardArguments),
    /// A code for a gate's reader of codes: good for ten seconds, once.
    EntryCode,
    /// Documents that wait for your signature: list, sign, refuse.
    Sign(super::document::SignArguments),
    /// Where and when the wallet was used. Kept on this phone only.
    History,
    /// How the account stands and what comes next.
    Status,
    /// Trust issuers and verifiers under a root certificate (DER or PEM).
    Trust { file: PathBuf },
    /// Forget account, credentials and keys; the history stays.
    Wipe {
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Subcommand)]
enum PinCommand {
    /// Set the first PIN; this registers the phone.
    Set {
        #[command(flatten)]
        pin: PinArgument,
    },
    /// Change the PIN; goes on with a change that was begun.
    Change {
        #[command(flatten)]
        old: PinArgument,
        #[command(flatten)]
        new: NewPinArgument,
    },
    /// Keep the old PIN, if a change was begun and not finished.
    Keep {
        #[command(flatten)]
        pin: PinArgument,
    },
    /// Prove the PIN, nothing else.
    Check {
        #[command(flatten)]
        pin: PinArgument,
    },
    /// Set a new PIN after the HR desk unlocked the account.
    Unlock {
        /// The code that the HR desk gave.
        code: String,
        #[command(flatten)]
        pin: PinArgument,
    },
}

#[derive(Debug, clap::Args)]
struct NewPinArgument {
    /// The new PIN; better leave it to the prompt or a file.
    #[arg(long, env = "MAPAE_NEW_PIN", hide_env_values = true)]
    new_pin: Option<String>,
    /// First line of this file is the new PIN.
    #[arg(long)]
    new_pin_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ChoiceArguments {
    /// The number that the browser shows.
    #[arg(long)]
    number: Option<String>,
    /// Agree without being asked.
    #[arg(long)]
    pub(super) yes: bool,
    /// Say no.
    #[arg(long, conflicts_with = "yes")]
    pub(super) no: bool,
    /// Turn an optional claim on.
    #[arg(long = "with", value_name = "CLAIM")]
    with: Vec<String>,
    /// Turn everything on that was asked for.
    #[arg(long)]
    everything: bool,
    /// Turn an optional credential on, by its id in the request.
    #[arg(long = "credential", value_name = "QUERY")]
    credentials: Vec<String>,
    /// Show this holding for a query.
    #[arg(long = "holding", value_name = "QUERY=HOLDING")]
    holdings: Vec<String>,
    /// Show a copy again if no unused one is left; two verifiers may then recognise it.
    #[arg(long)]
    reuse: bool,
    /// Look at unsigned requests too: nobody knows who sends them.
    #[arg(long)]
    allow_unsigned: bool,
    /// A host whose did:web documents may name verifiers; several times.
    #[arg(long = "did-host", value_name = "HOST")]
    pub(super) did_hosts: Vec<String>,
}

impl ChoiceArguments {
    /// The holdings that were named, by query.
    pub(super) fn holdings(&self) -> Result<Vec<(String, String)>, PhoneError> {
        let pair = |pair: &String| {
            let (query, holding) =
                pair.split_once('=').ok_or(PhoneError::Input("--holding QUERY=HOLDING"))?;
            Ok((query.to_owned(), holding.to_owned()))
        };
        self.holdings.iter().map(pair).collect()
    }

    /// The choice, without number and PIN.
    pub(super) fn choice<'a>(&'a self, holdings: &'a [(String, String)]) -> Choice<'a> {
        Choice {
            claims: &self.with,
            everything: self.everything,
            credentials: &self.credentials,
            holdings,
            allow_reuse: self.reuse,
            number: None,
            pin: None,
        }
    }
}

/// What a step says: a JSON object, and the same for people.
pub(super) struct Said {
    pub(super) json: Value,
    pub(super) text: String,
}

/// Runs a command. What it says goes to standard output; an error's sentence and what to do next to standard error.
pub async fn run(arguments: Arguments) -> ExitCode {
    let Arguments { options, command } = arguments;
    let language =
        if options.lang.to_ascii_lowercase().starts_with("en") { Language::En } else { Language::Ko };
    match step(&options, language, command).await {
        Ok(Said { json, text }) => {
            println!("{}", if options.json { ok(json).to_string() } else { text });
            ExitCode::SUCCESS
        }
        Err(error) => {
            if options.json {
                println!("{}", error.to_json(language));
            }
            eprintln!("{}\n→ {}", error.message(language), error.next(language));
            ExitCode::from(error.kind() as u8)
        }
    }
}

fn ok(value: Value) -> Value {
    let mut object = serde_json::Map::from_iter([("ok".to_owned(), Value::Bool(true))]);
    if let Value::Object(members) = value {
        object.extend(members);
    }
    Value::Object(object)
}

async fn step(options: &Options, language: Language, command: Command) -> Result<Said, PhoneError> {
    let http = HttpClient::new(language)?;
    let folder = folder(options)?;
    if let Command::Init { passphrase } = command {
        let unlock = unlock(options, language, passphrase)?;
        Phone::create_with(&folder, &unlock, http).await?;
        return Ok(describe::made(language, &folder));
    }
    let enrolling = matches!(command, Command::Enrol { .. } | Command::Activate { .. });
    let phone = match Phone::open(&folder, &unlock(options, language, false)?, http.clone()).await {
        // The first thing a new phone does may as well make its vault.
        Err(PhoneError::Open(wallet::OpenError::Missing)) if enrolling => {
            Phone::create_with(&folder, &unlock(options, language, false)?, http).await
        }
        Err(PhoneError::PassphraseNeeded) if std::io::stdin().is_terminal() => {
            Phone::open(&folder, &unlock(options, language, true)?, http).await
        }
        other => other,
    };
    Terminal { phone: phone?, language, json: options.json }.run(command).await
}

fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| "dc+sd-jwt or mso_mdoc".to_owned())
}

fn folder(options: &Options) -> Result<PathBuf, PhoneError> {
    match &options.vault {
        Some(folder) => Ok(folder.clone()),
        None => std::env::home_dir().map(|home| home.join(VAULT_FOLDER)).ok_or(PhoneError::Input("--vault")),
    }
}

fn unlock(options: &Options, language: Language, ask: bool) -> Result<Unlock, PhoneError> {
    match &options.passphrase_file {
        Some(file) => Ok(Unlock::Passphrase(ask::from_file(file)?)),
        None if ask => {
            let typed = ask::secret(language, Given::default(), "phone.ask.passphrase", "--passphrase-file")?;
            Ok(Unlock::Passphrase(typed))
        }
        None => Ok(Unlock::KeyFile),
    }
}

/// A phone with a person (or a script) in front of it.
pub(super) struct Terminal {
    pub(super) phone: Phone,
    pub(super) language: Language,
    pub(super) json: bool,
}

impl Terminal {
    async fn run(mut self, command: Command) -> Result<Said, PhoneError> {
        let language = self.language;
        match command {
            Command::Init { .. } => Ok(describe::done(language, "init", json!({}))),
            Command::Activate { link, code } => {
                self.phone.activate(&link, &code).await?;
                Ok(describe::done(language, "activate", json!({})))
            }
            Command::Prove { name, rrn } => self.prove(name.as_deref(), rrn.as_deref()).await,
            Command::Otp { code } => self.otp(code.as_deref()).await,
            Command::Pin(PinCommand::Set { pin }) => self.set_pin(&pin).await,
            Command::Pin(PinCommand::Change { old, new }) | Command::PinChange { old, new } => {
                let old = self.pin(&old, "phone.ask.pin_old")?;
                let given = Given { text: new.new_pin.as_deref(), file: new.new_pin_file.as_deref() };
                let new = self.fresh_pin(given, "--new-pin-file")?;
                self.phone.change_pin(&old, &new).await?;
                Ok(describe::done(language, "pin_change", json!({})))
            }
            Command::Pin(PinCommand::Keep { pin }) => {
                let pin = self.pin(&pin, "phone.ask.pin_old")?;
                self.phone.keep_pin(&pin).await?;
                Ok(describe::done(language, "pin_keep", json!({})))
            }
            Command::Pin(PinCommand::Check { pin }) => {
                let pin = self.pin(&pin, "phone.ask.pin")?;
                self.phone.check_pin(&pin).await?;
                Ok(describe::done(language, "pin_check", json!({})))
            }
            Command::Pin(PinCommand::Unlock { code, pin }) => {
                let given = Given { text: pin.pin.as_deref(), file: pin.pin_file.as_deref() };
                let pin = self.fresh_pin(given, "--pin-file")?;
                self.phone.set_new_pin(&code, &pin).await?;
                Ok(describe::done(language, "pin_unlock", json!({})))
            }
            Command::Receive { signed_in: Some(address), .. } => {
                let received = self.phone.signed_in(&address).await?;
                Ok(describe::received(language, self.phone.wallet(), &received))
            }
            Command::Receive { offer, code, copies, format, look, redirect_uri, signed_in: None } => {
                let options = issue::Options { tx_code: code.as_deref(), copies, format };
                self.receive(offer.as_deref(), options, look, redirect_uri.as_deref()).await
            }
            Command::Enrol { link, code, name, rrn, otp, pin } => {
                self.enrol(
                    link.as_deref(),
                    code.as_deref(),
                    name.as_deref(),
                    rrn.as_deref(),
                    otp.as_deref(),
                    &pin,
                )
                .await
            }
            Command::Card(card) => super::card::serve(&mut self.phone, &card, language).await,
            Command::EntryCode => super::card::entry_code(&mut self.phone, language).await,
            Command::Show => {
                let shown = self.phone.show(true).await?;
                if shown.is_empty() {
                    Err(PhoneError::Nothing)
                } else {
                    Ok(describe::shown(language, &shown))
                }
            }
            Command::Present { link, choice, pin } | Command::Login { link, choice, pin } => {
                self.present(&link, &choice, &pin).await
            }
            Command::Page(arguments) => self.page(&arguments).await,
            Command::Sign(arguments) => self.sign(&arguments).await,
            Command::History => Ok(describe::history(language, self.phone.history())),
            Command::Status => self.status().await,
            Command::Trust { file } => {
                let text = std::fs::read(&file).map_err(PhoneError::Folder)?;
                self.phone.trust(&certificate(&text)?).await?;
                Ok(describe::done(language, "trust", json!({})))
            }
            Command::Wipe { yes } => {
                if !ask::yes(language, yes, "phone.ask.wipe")? {
                    return Err(PhoneError::Declined);
                }
                self.phone.wallet_mut().wipe().await?;
                Ok(describe::done(language, "wipe", json!({})))
            }
        }
    }

    pub(super) fn pin(&self, given: &PinArgument, prompt: &str) -> Result<Zeroizing<String>, PhoneError> {
        let given = Given { text: given.pin.as_deref(), file: given.pin_file.as_deref() };
        ask::secret(self.language, given, prompt, "--pin-file")
    }

    /// A new PIN is typed twice at a terminal.
    fn fresh_pin(&self, given: Given<'_>, option: &'static str) -> Result<Zeroizing<String>, PhoneError> {
        let pin = ask::secret(self.language, given, "phone.ask.pin_new", option)?;
        let prompted = given.text.is_none() && given.file.is_none();
        if prompted && *pin != *ask::secret(self.language, given, "phone.ask.pin_again", option)? {
            return Err(PhoneError::PinDiffers);
        }
        Ok(pin)
    }

    async fn prove(&mut self, name: Option<&str>, rrn: Option<&str>) -> Result<Said, PhoneError> {
        let name = ask::line(self.language, name, "phone.ask.name", "--name")?;
        let rrn = ask::secret(self.language, Given { text: rrn, file: None }, "phone.ask.rrn", "--rrn")?;
        let sent = self.phone.prove(&name, &rrn).await?;
        Ok(describe::otp_sent(self.language, &sent))
    }

    async fn otp(&mut self, otp: Option<&str>) -> Result<Said, PhoneError> {
        let otp = ask::line(self.language, otp, "phone.ask.otp", "--otp")?;
        self.phone.otp(&otp).await?;
        Ok(describe::done(self.language, "otp", json!({})))
    }

    async fn set_pin(&mut self, pin: &PinArgument) -> Result<Said, PhoneError> {
        let given = Given { text: pin.pin.as_deref(), file: pin.pin_file.as_deref() };
        let pin = self.fresh_pin(given, "--pin-file")?;
        let account = self.phone.register(&pin).await?;
        Ok(describe::done(self.language, "pin_set", json!({ "account": account })))
    }

    async fn receive(
        &mut self,
        offer: Option<&str>,
        options: issue::Options<'_>,
        look: bool,
        redirect_uri: Option<&str>,
    ) -> Result<Said, PhoneError> {
        if let (true, Some(link)) = (look, offer) {
            return Ok(describe::offer(
                self.language,
                &self.phone.look_at_offer(link, self.language.tag()).await?,
            ));
        }
        let received = match self.phone.receive_with(offer, options).await {
            Err(PhoneError::Issue(issue::IssueError::TxCodeNeeded { .. })) => {
                let code = ask::line(self.language, options.tx_code, "phone.ask.tx_code", "--code")?;
                let options = issue::Options { tx_code: Some(&code), ..options };
                self.phone.receive_with(offer, options).await?
            }
            Err(PhoneError::Issue(issue::IssueError::SignInNeeded)) => match redirect_uri {
                Some(redirect_uri) => return Ok(describe::sign_in(self.phone.sign_in(redirect_uri).await?)),
                None => self.sign_in().await?,
            },
            other => other?,
        };
        Ok(describe::received(self.language, self.phone.wallet(), &received))
    }

    /// Tells the address to open and waits until the browser comes back.
    async fn sign_in(&mut self) -> Result<issue::Received, PhoneError> {
        let back = Return::listen().await?;
        let url = self.phone.sign_in(back.redirect_uri()).await?;
        eprintln!("{}\n{url}", language::text(self.language, "phone.sign_in.open"));
        let address = back.wait(self.language).await?;
        self.phone.signed_in(&address).await
    }

    /// Goes from wherever the enrolment stands to the badge. Each step says so on standard error.
    async fn enrol(
        &mut self,
        link: Option<&str>,
        code: Option<&str>,
        name: Option<&str>,
        rrn: Option<&str>,
        otp: Option<&str>,
        pin: &PinArgument,
    ) -> Result<Said, PhoneError> {
        let language = self.language;
        if self.phone.wallet().state().account.is_none() {
            let mut reached = match self.phone.wallet().state().onboarding {
                // A fresh link starts again; without one the server knows how far this phone came.
                Some(_) if link.is_none() => self.phone.wallet().onboarding_status().await?.step,
                _ => {
                    let link = ask::line(language, link, "phone.ask.link", "--link")?;
                    let code = ask::line(language, code, "phone.ask.code", "--code")?;
                    self.phone.activate(&link, &code).await?;
                    self.note("activate");
                    OnboardingStep::Activated
                }
            };
            if matches!(reached, OnboardingStep::Activated | OnboardingStep::OtpSent) {
                if reached == OnboardingStep::Activated || otp.is_none() {
                    let said = self.prove(name, rrn).await?;
                    self.note_text(&said.text);
                }
                self.otp(otp).await?;
                self.note("otp");
                reached = OnboardingStep::Proofed;
            }
            // Registering again after a lost reply is the same registration.
            let _ = reached;
            self.set_pin(pin).await?;
            self.note("pin_set");
        }
        self.receive(None, issue::Options::default(), false, None).await
    }

    fn note(&self, step: &str) {
        self.note_text(language::text(self.language, &format!("phone.done.{step}")));
    }

    fn note_text(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    async fn present(
        &mut self,
        link: &str,
        arguments: &ChoiceArguments,
        pin: &PinArgument,
    ) -> Result<Said, PhoneError> {
        let language = self.language;
        let hosts: Vec<&str> = arguments.did_hosts.iter().map(String::as_str).collect();
        let policy = Policy {
            allow_unsigned: arguments.allow_unsigned,
            transaction_types: &[openid::vp::APPROVE],
            did_hosts: &hosts,
            ..Policy::default()
        };
        let asked = self.phone.ask_with(link, policy).await?;
        let holdings = arguments.holdings()?;
        if !self.agrees(&asked, arguments)? {
            self.phone.decline(&asked).await?;
            return Err(PhoneError::Declined);
        }
        let login = asked.consent().login.clone();
        let number = match login.as_ref().map(|login| login.number_digits) {
            Some(digits) if digits > 0 => {
                Some(ask::line(language, arguments.number.as_deref(), "phone.ask.number", "--number")?)
            }
            _ => None,
        };
        let wants_pin = login.is_some_and(|login| login.level == openid::approval::Level::Pin);
        let pin = if wants_pin { Some(read_pin(&self.pin(pin, "phone.ask.pin")?)?) } else { None };
        let choice = Choice { number: number.as_deref(), pin: pin.as_ref(), ..arguments.choice(&holdings) };
        let answered = self.phone.answer(&asked, choice).await?;
        Ok(describe::answered(language, asked.consent(), &answered))
    }

    /// Shows what is asked for and hears what the person says.
    pub(super) fn agrees(&self, asked: &Asked, arguments: &ChoiceArguments) -> Result<bool, PhoneError> {
        if !self.json && !arguments.yes {
            eprintln!(
                "{}",
                describe::consent(self.language, asked.consent(), arguments.everything, &arguments.with)
            );
        }
        Ok(!arguments.no && ask::yes(self.language, arguments.yes, "phone.ask.consent")?)
    }

    async fn status(&mut self) -> Result<Said, PhoneError> {
        let onboarding = self.phone.wallet().state().onboarding.is_some();
        let step = match (&self.phone.wallet().state().account, onboarding) {
            (None, true) => Some(self.phone.wallet().onboarding_status().await?.step),
            _ => None,
        };
        let account = match self.phone.wallet().state().account {
            Some(_) => Some(self.phone.sync().await?),
            None => None,
        };
        Ok(describe::status(self.language, self.phone.wallet(), step, account.as_ref()))
    }
}

/// DER as it is, or the first certificate of a PEM file.
fn certificate(content: &[u8]) -> Result<Vec<u8>, PhoneError> {
    let Ok(text) = std::str::from_utf8(content) else { return Ok(content.to_vec()) };
    let Some((_, rest)) = text.split_once("-----BEGIN CERTIFICATE-----") else { return Ok(content.to_vec()) };
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or(PhoneError::Certificate)?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    keys::encoding::b64_decode(&body).map_err(|_| PhoneError::Certificate)
}
