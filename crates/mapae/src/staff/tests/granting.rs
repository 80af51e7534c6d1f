//! Duties that two people give and take.

use super::*;
use crate::application::tests::{HR_TWO, OFFICIAL, SECURITY, STRANGER};
use crate::operations::store::params;
use crate::staff::granting::{Act, Asking, GrantError, ask, confirm, drop_it, waiting};
use crate::staff::{Held, duties_of};

const DAY: i64 = 24 * 60 * MINUTE;

async fn asking(town: &Town, act: Act, n: u64, duty: Duty) -> Asking {
    Asking {
        act,
        employee_id: town.id(n).await,
        duty,
        agency_code: "9000001".to_owned(),
        reason: "예시 사유".to_owned(),
    }
}

async fn holds(town: &Town, n: u64, duty: Duty) -> bool {
    let held = duties_of(town, &town.id(n).await).await.unwrap();
    held.contains(&Held { duty, agency_code: "9000001".to_owned() })
}

#[tokio::test]
async fn a_duty_is_given_when_another_hr_manager_confirms_and_taken_the_same_way() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let (one, two) = (town.actor(HR_ONE).await, town.actor(HR_TWO).await);
    for act in [Act::Grant, Act::Withdraw] {
        let id = ask(&town, &one, asking(&town, act, OFFICIAL, Duty::SecurityOfficer).await).await.unwrap();
        assert_eq!(holds(&town, OFFICIAL, Duty::SecurityOfficer).await, act == Act::Withdraw, "asked only");
        let same = confirm(&town, &one, &id).await;
        assert!(matches!(same, Err(GrantError::SamePerson)), "{same:?}");
        confirm(&town, &two, &id).await.unwrap();
        assert_eq!(holds(&town, OFFICIAL, Duty::SecurityOfficer).await, act == Act::Grant);
        let again = confirm(&town, &two, &id).await;
        assert!(matches!(again, Err(GrantError::Unknown)), "{again:?}");
    }
    let row = town
        .store
        .fetch_one(
            "SELECT COUNT(*) AS n FROM audit_record WHERE act IN ('staff.duty_asked', 'staff.duty_grant', 'staff.duty_withdraw') \
             AND duty = 'hr_manager'",
            params![],
        )
        .await
        .unwrap();
    assert_eq!(row.int("n").unwrap(), 4);
}

#[tokio::test]
async fn nobody_asks_for_or_confirms_their_own_and_nobody_reaches_beyond_their_agency() {
    let town = town().await;
    let (one, two, stranger) =
        (town.actor(HR_ONE).await, town.actor(HR_TWO).await, town.actor(STRANGER).await);
    let own = ask(&town, &one, asking(&town, Act::Grant, HR_ONE, Duty::SecurityOfficer).await).await;
    assert!(matches!(own, Err(GrantError::Own)), "{own:?}");
    let id = ask(&town, &one, asking(&town, Act::Grant, HR_TWO, Duty::SecurityOfficer).await).await.unwrap();
    let concerned = confirm(&town, &two, &id).await;
    assert!(matches!(concerned, Err(GrantError::Own)), "{concerned:?}");
    assert!(matches!(drop_it(&town, &two, &id).await, Err(GrantError::Own)));
    for visitor in [&stranger, &town.actor(SECURITY).await, &town.actor(AUDITOR).await] {
        assert!(matches!(confirm(&town, visitor, &id).await, Err(GrantError::Unknown)), "hidden");
    }
    let beyond = ask(&town, &stranger, asking(&town, Act::Grant, OFFICIAL, Duty::HrManager).await).await;
    assert!(matches!(beyond, Err(GrantError::Unknown)), "{beyond:?}");
    let over = Asking {
        agency_code: "9000002".to_owned(),
        ..asking(&town, Act::Grant, OFFICIAL, Duty::HrManager).await
    };
    assert!(matches!(ask(&town, &one, over).await, Err(GrantError::Unknown)), "another agency's duty");
    let officer =
        ask(&town, &town.actor(SECURITY).await, asking(&town, Act::Grant, OFFICIAL, Duty::HrManager).await)
            .await;
    assert!(matches!(officer, Err(GrantError::Forbidden)), "{officer:?}");
}

#[tokio::test]
async fn what_may_not_be_is_refused_when_asked_and_weighed_again_when_confirmed() {
    let town = town().await;
    let (one, two) = (town.actor(HR_ONE).await, town.actor(HR_TWO).await);
    let none = ask(&town, &one, asking(&town, Act::Grant, OFFICIAL, Duty::Auditor).await).await;
    assert!(matches!(none, Err(GrantError::NoAccount)), "{none:?}");
    town.account("gong", OFFICIAL).await;
    let both = ask(&town, &one, asking(&town, Act::Grant, AUDITOR, Duty::HrManager).await).await;
    assert!(matches!(both, Err(GrantError::Conflict)), "{both:?}");
    for duty in [Duty::Applicant, Duty::DepartmentHead] {
        let never = ask(&town, &one, asking(&town, Act::Grant, OFFICIAL, duty).await).await;
        assert!(matches!(never, Err(GrantError::NoSuchDuty)), "{never:?}");
    }
    let absent = ask(&town, &one, asking(&town, Act::Withdraw, OFFICIAL, Duty::Operator).await).await;
    assert!(matches!(absent, Err(GrantError::Nothing)), "{absent:?}");
    let silent =
        Asking { reason: "  ".to_owned(), ..asking(&town, Act::Grant, OFFICIAL, Duty::Auditor).await };
    assert!(matches!(ask(&town, &one, silent).await, Err(GrantError::NoReason)));
    // Two requests that exclude each other may both wait; only the first to be confirmed is carried out.
    let auditor = ask(&town, &one, asking(&town, Act::Grant, OFFICIAL, Duty::Auditor).await).await.unwrap();
    let twice = ask(&town, &two, asking(&town, Act::Grant, OFFICIAL, Duty::Auditor).await).await;
    assert!(matches!(twice, Err(GrantError::Asked)), "{twice:?}");
    let security =
        ask(&town, &one, asking(&town, Act::Grant, OFFICIAL, Duty::SecurityOfficer).await).await.unwrap();
    confirm(&town, &two, &auditor).await.unwrap();
    let late = confirm(&town, &two, &security).await;
    assert!(matches!(late, Err(GrantError::Conflict)), "{late:?}");
    assert!(!holds(&town, OFFICIAL, Duty::SecurityOfficer).await);
    assert_eq!(
        waiting(&town, &["9000001".to_owned()]).await.unwrap().len(),
        1,
        "it waits on: nothing was done"
    );
    drop_it(&town, &one, &security).await.unwrap();
}

#[tokio::test]
async fn what_nobody_confirms_within_seven_days_is_over_and_may_be_asked_again() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let (one, two) = (town.actor(HR_ONE).await, town.actor(HR_TWO).await);
    let id = ask(&town, &one, asking(&town, Act::Grant, OFFICIAL, Duty::Operator).await).await.unwrap();
    town.clock.advance_ms(7 * DAY);
    assert!(matches!(confirm(&town, &two, &id).await, Err(GrantError::Unknown)));
    assert!(waiting(&town, &["9000001".to_owned()]).await.unwrap().is_empty());
    let id = ask(&town, &one, asking(&town, Act::Grant, OFFICIAL, Duty::Operator).await).await.unwrap();
    confirm(&town, &two, &id).await.unwrap();
    assert!(holds(&town, OFFICIAL, Duty::Operator).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_confirmations_at_once_one_counts() {
    let town = std::sync::Arc::new(town().await);
    town.account("gong", OFFICIAL).await;
    let (one, two) = (town.actor(HR_ONE).await, town.actor(HR_TWO).await);
    let id = ask(&town, &one, asking(&town, Act::Grant, OFFICIAL, Duty::Operator).await).await.unwrap();
    let tries = (0..16).map(|_| {
        let (town, two, id) = (std::sync::Arc::clone(&town), two.clone(), id.clone());
        tokio::spawn(async move { confirm(&town, &two, &id).await })
    });
    let mut done = 0;
    for result in futures::future::join_all(tries).await {
        match result.unwrap() {
            Ok(()) => done += 1,
            Err(GrantError::Unknown) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(done, 1);
    let row = town
        .store
        .fetch_one(
            "SELECT COUNT(*) AS n FROM audit_record WHERE act = 'staff.duty_grant' AND duty = 'hr_manager'",
            params![],
        )
        .await
        .unwrap();
    assert_eq!(row.int("n").unwrap(), 1);
}
