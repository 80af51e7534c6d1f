//! `mapae message …`: a text through the configured providers, to see that they work; and how messages stand.

use std::sync::Arc;

use super::count;
use super::outbox::{Message, Topic, enqueue};
use crate::audit;
use crate::operations::store::StoreError;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::phone;

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Put a text message into the outbox; the running server sends it.
    Send {
        /// A Korean mobile number.
        #[arg(long)]
        to: String,
        /// The text; {n} becomes the number of the copy.
        text: String,
        /// So many of them, to try a provider under load.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        times: u32,
    },
    /// How the messages of the last weeks stand, and what was handed over day by day.
    Status {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a command.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    done
}

async fn perform(platform: &Platform, command: Command) -> Result<(), AnyError> {
    match command {
        Command::Send { to, text, times } => {
            let to = phone(&to).ok_or("that is no Korean mobile number")?;
            if super::smpp::length(&text).is_none() {
                return Err("the text is longer than a long message".into());
            }
            for n in 0..times {
                // Not a notice: somebody waits for it in front of a terminal.
                let message = Message::sms(platform, Topic::Code, &to, &text.replace("{n}", &n.to_string()));
                let id = message.id().to_owned();
                platform
                    .store
                    .write::<_, StoreError, _>(move |tx| {
                        Box::pin(async move {
                            enqueue(tx, message).await?;
                            let (actor, duty, act) = ("operator", "operator", "notification.tried");
                            let detail = serde_json::json!({});
                            audit::record(tx, audit::Record { actor, duty, act, subject: &id, detail }).await
                        })
                    })
                    .await?;
            }
            println!("{times} in the outbox");
        }
        Command::Status { json } => {
            let standing = count::standing(&platform.store).await?;
            let lines = count::lines(&platform.store, 62).await?;
            if json {
                println!("{}", serde_json::json!({ "standing": standing, "days": lines }));
            } else {
                println!(
                    "{} wait, {} sent ({} delivered, {} not), {} given up, {} may have come twice",
                    standing.waiting,
                    standing.sent,
                    standing.delivered,
                    standing.failed,
                    standing.dead,
                    standing.in_doubt
                );
                for line in lines {
                    println!(
                        "{}  {:<6} {:<3} {:>6}  unanswered {}",
                        line.day, line.provider, line.length, line.messages, line.doubts
                    );
                }
            }
        }
    }
    Ok(())
}
