//! A relying party: asks a badge for two claims, shows the link that a wallet opens, waits, and prints the verified result.
//!
//! `MAPAE_URL` (default `http://localhost:8600`) and `MAPAE_API_KEY` say whom to ask and as whom.

use std::error::Error;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// What the server answers to a new verification; it says more, which this example does not need.
#[derive(Deserialize)]
struct Created {
    id: String,
    link: String,
    page: String,
    expires_in: u64,
}

/// Where a verification stands.
#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Standing {
    Pending,
    Declined { error: String },
    Verified { claims: Value, issuer: Value, freshness: Value },
}

fn main() -> Result<(), Box<dyn Error>> {
    let base = std::env::var("MAPAE_URL").unwrap_or_else(|_| "http://localhost:8600".to_owned());
    let key =
        std::env::var("MAPAE_API_KEY").map_err(|_| "set MAPAE_API_KEY to the key of your relying party")?;
    let bearer = format!("Bearer {key}");
    let verifications = format!("{base}/api/v1/verifications");

    // The machine's certificates, so that a government's own authority counts.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agent: Agent = Agent::config_builder().tls_config(tls).build().into();

    let created: Created = agent
        .post(&verifications)
        .header("authorization", &bearer)
        .send_json(json!({ "claims": ["name", "inst_code"] }))?
        .body_mut()
        .read_json()?;
    println!("Show this as a QR or a button, or send the person to the page:");
    println!("{}\n{}", created.link, created.page);

    for _ in 0..created.expires_in {
        let standing: Standing = agent
            .get(format!("{verifications}/{}", created.id))
            .header("authorization", &bearer)
            .call()?
            .body_mut()
            .read_json()?;
        match standing {
            Standing::Pending => std::thread::sleep(Duration::from_secs(1)),
            Standing::Declined { error } => return Err(format!("declined: {error}").into()),
            Standing::Verified { claims, issuer, freshness } => {
                println!("{}", json!({ "claims": claims, "issuer": issuer, "freshness": freshness }));
                return Ok(());
            }
        }
    }
    Err("nobody answered".into())
}
