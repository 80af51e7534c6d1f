//! `mapae doctor`

use super::{Grade, examine};
use crate::operations::{Config, SystemClock};

/// Look at this installation: files, database, keys, clock, queues, address. Changes nothing.
#[derive(Debug, clap::Args)]
pub struct Command {
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// Something is broken.
pub async fn run(command: Command, config: Config) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let findings = examine(&config, &SystemClock).await;
    if command.json {
        println!("{}", serde_json::to_string(&findings)?);
    } else {
        for finding in &findings {
            let grade = match finding.grade {
                Grade::Well => "well  ",
                Grade::Watch => "watch ",
                Grade::Broken => "BROKEN",
            };
            println!("{grade}  {:<12} {}", finding.check, finding.seen);
            if !finding.mend.is_empty() {
                println!("{:22}→ {}", "", finding.mend);
            }
        }
    }
    match findings.iter().filter(|finding| finding.grade == Grade::Broken).count() {
        0 => Ok(()),
        count => Err(format!("{count} things are broken").into()),
    }
}
