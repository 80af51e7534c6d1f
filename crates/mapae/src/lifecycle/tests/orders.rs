//! `mapae badge`: who may order what about whom, and that a revocation takes two.

use super::*;
use crate::lifecycle::BadgeState;
use crate::lifecycle::cli::{Command, perform};
use crate::operations::params;
use crate::personnel::demo_data;
use crate::staff::order::Holder;
use crate::staff::{self, Duty};
use crate::testing::{self, TestPlatform};

const HOLDER: u64 = 3;
const OFFICER: u64 = 4;
const MANAGER: u64 = 5;
const AUDITOR: u64 = 6;

/// Seven people of whom one holds a badge, and three hold a duty.
async fn desk() -> (TestPlatform, Vec<String>, Badge) {
    let platform = testing::platform().await;
    let people = platform.people(7).await;
    for (n, duty) in [(OFFICER, Duty::SecurityOfficer), (MANAGER, Duty::HrManager), (AUDITOR, Duty::Auditor)]
    {
        let id = &people[usize::try_from(n).unwrap()];
        let password = staff::Password::new("mapae-yesi".to_owned()).unwrap();
        let login = staff::Login::new(&format!("person{n}")).unwrap();
        staff::add(&platform, login, id, password, "operator").await.unwrap();
        staff::grant(&platform, id, duty, demo_data::person(n).agency, "operator").await.unwrap();
    }
    let held = badge(&platform, &people[usize::try_from(HOLDER).unwrap()]).await;
    (platform, people, held)
}

fn about(n: u64) -> Holder {
    let person = demo_data::person(n);
    Holder { agency: person.agency.to_owned(), number: person.number.clone(), json: true }
}

fn login(n: u64) -> String {
    format!("person{n}")
}

fn revoke(by: u64, second: u64) -> Command {
    Command::Revoke {
        holder: about(HOLDER),
        by: login(by),
        second: login(second),
        reason: Reason::EmploymentEnded,
    }
}

#[tokio::test]
async fn a_badge_is_suspended_and_resumed_by_one_person_with_a_reason() {
    let (platform, _, held) = desk().await;
    let suspend = |by| Command::Suspend { holder: about(HOLDER), by: login(by), reason: Reason::Compromised };
    let (_, badge) = perform(&platform, suspend(OFFICER)).await.unwrap();
    let badge = badge.unwrap();
    assert_eq!((badge.state, badge.reason), (BadgeState::Suspended, Reason::Compromised));
    assert!(perform(&platform, suspend(AUDITOR)).await.is_err(), "an auditor orders nothing");
    let resume = Command::Resume { holder: about(HOLDER), by: login(MANAGER), reason: Reason::Mistake };
    perform(&platform, resume).await.unwrap();
    assert_eq!(state(&platform, &held.id).await, BadgeState::Active);
    let (_, badge) = perform(&platform, Command::Status { holder: about(HOLDER) }).await.unwrap();
    assert_eq!(badge.unwrap().reason, Reason::Mistake);
}

#[tokio::test]
async fn a_revocation_takes_two_persons_in_their_duties_and_names_both() {
    let (platform, people, held) = desk().await;
    for (by, second, why) in [
        (MANAGER, MANAGER, "one person twice"),
        (MANAGER, OFFICER, "the second is no HR manager"),
        (AUDITOR, MANAGER, "the first is an auditor"),
        (OFFICER, HOLDER, "the holder agrees to nothing"),
    ] {
        assert!(perform(&platform, revoke(by, second)).await.is_err(), "{why}");
        assert_eq!(state(&platform, &held.id).await, BadgeState::Active, "{why}");
    }
    let (_, badge) = perform(&platform, revoke(OFFICER, MANAGER)).await.unwrap();
    assert_eq!(badge.unwrap().state, BadgeState::Revoked);

    let rows = platform
        .store
        .fetch_all("SELECT act, actor FROM audit_record WHERE subject = $1 ORDER BY id", params![&held.id])
        .await
        .unwrap();
    let said: Vec<_> =
        rows.iter().map(|row| (row.text("act").unwrap(), row.text("actor").unwrap())).collect();
    let id = |n: u64| people[usize::try_from(n).unwrap()].clone();
    assert!(said.contains(&("badge.revoked".to_owned(), id(OFFICER))), "{said:?}");
    assert!(said.contains(&("badge.revocation_agreed".to_owned(), id(MANAGER))), "{said:?}");

    assert!(perform(&platform, revoke(OFFICER, MANAGER)).await.is_err(), "there is nothing left to revoke");
    let (_, none) = perform(&platform, Command::Status { holder: about(HOLDER) }).await.unwrap();
    assert!(none.is_none());
}

#[test]
fn a_reason_is_one_of_the_acts_own() {
    use clap::Parser as _;
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }
    let line = |act: &str, reason: &str| {
        let given = ["mapae", act, "--agency", "1", "--number", "2", "--by", "a", "--reason", reason];
        Line::try_parse_from(given)
    };
    assert!(line("suspend", "theft").is_ok());
    assert!(line("suspend", "employment_ended").is_err(), "that ends a badge and does not stop it");
    assert!(line("resume", "found").is_ok());
    assert!(line("resume", "loss").is_err());
    assert!(line("revoke", "excluded").is_err(), "without a second person");
    assert!(line("suspend", "because").is_err());
}
