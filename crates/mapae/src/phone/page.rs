//! `mapae wallet page`: the wallet behind a browser's Digital Credentials API, played at the terminal.

use std::io::Read as _;
use std::path::PathBuf;

use openid::vp::{APPROVE, DcProtocol};
use serde_json::{Value, json};
use wallet::present::Policy;

use super::cli::{ChoiceArguments, Said, Terminal};
use super::describe;
use super::fault::PhoneError;

/// Longest request that is read, in bytes.
const MAX_REQUEST: u64 = 512 * 1024;

/// A request of a page.
#[derive(Debug, clap::Args)]
pub(super) struct PageArguments {
    /// The page's origin, as the browser would tell it.
    #[arg(long)]
    origin: String,
    /// A file with one request (`protocol`, `data`) or a list of them; standard input without it.
    file: Option<PathBuf>,
    #[command(flatten)]
    choice: ChoiceArguments,
}

impl Terminal {
    /// Answers a page; what goes back to it stands in `credential`.
    pub(super) async fn page(&mut self, arguments: &PageArguments) -> Result<Said, PhoneError> {
        let (protocol, data) = chosen(&read(arguments.file.as_ref())?)?;
        let hosts: Vec<&str> = arguments.choice.did_hosts.iter().map(String::as_str).collect();
        let policy = Policy { transaction_types: &[APPROVE], did_hosts: &hosts, ..Policy::default() };
        let asked = self.phone.ask_from_page(protocol, &data, &arguments.origin, policy).await?;
        let holdings = arguments.choice.holdings()?;
        let back = |data: Value| json!({ "protocol": protocol.as_str(), "data": data });
        if !self.agrees(&asked, &arguments.choice)? {
            self.phone.decline(&asked).await?;
            let json = json!({ "step": "page", "credential": back(asked.declined()) });
            return Ok(Said { text: json.to_string(), json });
        }
        let mut answered = self.phone.answer(&asked, arguments.choice.choice(&holdings)).await?;
        let credential = back(answered.data.take().unwrap_or_default());
        let mut said = describe::answered(self.language, asked.consent(), &answered);
        if let Some(members) = said.json.as_object_mut() {
            members.insert("step".to_owned(), "page".into());
            members.insert("credential".to_owned(), credential.clone());
        }
        Ok(Said { text: credential.to_string(), ..said })
    }
}

fn read(file: Option<&PathBuf>) -> Result<Value, PhoneError> {
    let mut text = String::new();
    match file {
        Some(file) => {
            let opened = std::fs::File::open(file).map_err(PhoneError::Folder)?;
            opened.take(MAX_REQUEST).read_to_string(&mut text).map_err(PhoneError::Folder)?;
        }
        None => {
            std::io::stdin().take(MAX_REQUEST).read_to_string(&mut text).map_err(PhoneError::Folder)?;
        }
    }
    keys::strict_json::parse(text.as_bytes()).map_err(|_| PhoneError::Input("protocol, data"))
}

/// The first request that this wallet speaks.
fn chosen(requests: &Value) -> Result<(DcProtocol, Value), PhoneError> {
    let all = requests.as_array().map_or(std::slice::from_ref(requests), Vec::as_slice);
    let known = |request: &Value| {
        let protocol = DcProtocol::parse(request.get("protocol")?.as_str()?)?;
        Some((protocol, request.get("data")?.clone()))
    };
    all.iter().find_map(known).ok_or(PhoneError::Input("protocol, data"))
}
