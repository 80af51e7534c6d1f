use std::net::{IpAddr, Ipv4Addr};

mod codes;
mod granting;

use super::password::{self, Attempt};
use super::session::{Door, SignInError, of_token, sign_in};
use super::{AccountError, Duty, Login, Password, SignedIn, account, second_factor};
use crate::application::tests::{AUDITOR, COLLEAGUE, HR_ONE, OFFICIAL, Town, town};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const MINUTE: i64 = 60_000;

async fn try_as(
    town: &Town,
    login: &str,
    password: &str,
    source: IpAddr,
    earlier: Option<&str>,
) -> Result<SignedIn, SignInError> {
    sign_in(town, Door::Portal, login, Attempt::from(password.to_owned()), source, earlier).await
}

async fn is_live(town: &Town, door: Door, token: &str) -> bool {
    of_token(town, door, token).await.unwrap().is_some()
}

#[test]
fn the_hash_for_unknown_ids_is_as_dear_as_a_real_one() {
    // If it did not parse, an unknown id would be answered at once.
    let hash = argon2::password_hash::phc::PasswordHash::new(password::NOBODY).unwrap();
    assert_eq!(hash.algorithm.as_str(), "argon2id");
    assert_eq!((hash.params.get_decimal("m"), hash.params.get_decimal("t")), (Some(19_456), Some(2)));
    assert_eq!(hash.hash.unwrap().len(), 32);
}

#[tokio::test]
async fn an_unknown_id_and_a_wrong_password_get_one_answer() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    assert!(matches!(try_as(&town, "gong", "wrong", HERE, None).await, Err(SignInError::Refused)));
    assert!(matches!(try_as(&town, "nobody", "wrong", HERE, None).await, Err(SignInError::Refused)));
    assert!(matches!(try_as(&town, "", "", HERE, None).await, Err(SignInError::Refused)));
    let huge = "x".repeat(1 << 20);
    assert!(matches!(try_as(&town, "gong", &huge, HERE, None).await, Err(SignInError::Refused)));
    assert!(try_as(&town, " GONG ", "mapae-yesi", HERE, None).await.is_ok(), "ids know no capitals");
}

#[tokio::test]
async fn after_five_wrong_passwords_the_right_one_waits_too_whether_the_id_exists_or_not() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    for login in ["gong", "nobody"] {
        for _ in 0..5 {
            assert!(matches!(try_as(&town, login, "wrong", HERE, None).await, Err(SignInError::Refused)));
        }
        let error = try_as(&town, login, "mapae-yesi", HERE, None).await.unwrap_err();
        assert!(matches!(error, SignInError::Throttled { retry_after_ms: 900_000 }), "{login}: {error:?}");
    }
    town.clock.advance_ms(15 * MINUTE);
    assert!(try_as(&town, "gong", "mapae-yesi", HERE, None).await.is_ok());
}

#[tokio::test]
async fn a_right_password_forgives_the_wrong_ones_before_it() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert!(matches!(try_as(&town, "gong", "wrong", HERE, None).await, Err(SignInError::Refused)));
        }
        assert!(try_as(&town, "gong", "mapae-yesi", HERE, None).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_forty_guesses_at_once_five_are_judged() {
    let town = std::sync::Arc::new(town().await);
    town.account("gong", OFFICIAL).await;
    let guesses = (0..40).map(|_| {
        let town = std::sync::Arc::clone(&town);
        tokio::spawn(async move { try_as(&town, "gong", "wrong", HERE, None).await })
    });
    let mut judged = 0;
    for guess in futures::future::join_all(guesses).await {
        match guess.unwrap() {
            Err(SignInError::Refused) => judged += 1,
            Err(SignInError::Throttled { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(judged, 5);
}

#[tokio::test]
async fn one_source_that_tries_many_ids_is_slowed_down_and_another_is_not() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    // The password is longer than any may be: refused without the cost of a hash, and charged all the same.
    let quick = "x".repeat(300);
    for n in 0..100 {
        let error = try_as(&town, &format!("guess{n}"), &quick, HERE, None).await.unwrap_err();
        assert!(matches!(error, SignInError::Refused), "{n}: {error:?}");
    }
    let error = try_as(&town, "gong", "mapae-yesi", HERE, None).await.unwrap_err();
    assert!(matches!(error, SignInError::Throttled { .. }), "{error:?}");
    let elsewhere = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    assert!(try_as(&town, "gong", "mapae-yesi", elsewhere, None).await.is_ok());
}

#[tokio::test]
async fn a_planted_session_token_is_worth_nothing() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let planted = "a-token-an-attacker-chose-and-planted-as-cookie";
    let signed_in = try_as(&town, "gong", "mapae-yesi", HERE, Some(planted)).await.unwrap();
    assert_ne!(signed_in.token.as_str(), planted);
    assert!(!is_live(&town, Door::Portal, planted).await);

    // And a session the browser came with ends when a new one begins.
    let again = try_as(&town, "gong", "mapae-yesi", HERE, Some(&signed_in.token)).await.unwrap();
    assert!(!is_live(&town, Door::Portal, &signed_in.token).await);
    assert!(is_live(&town, Door::Portal, &again.token).await);
    assert!(!is_live(&town, Door::Console, &again.token).await, "each door has its own sessions");
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_a_working_day_even_in_use() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let idle = try_as(&town, "gong", "mapae-yesi", HERE, None).await.unwrap();
    town.clock.advance_ms(29 * MINUTE);
    assert!(is_live(&town, Door::Portal, &idle.token).await);
    town.clock.advance_ms(29 * MINUTE);
    assert!(is_live(&town, Door::Portal, &idle.token).await, "use keeps it");
    town.clock.advance_ms(30 * MINUTE);
    assert!(!is_live(&town, Door::Portal, &idle.token).await);

    let busy = try_as(&town, "gong", "mapae-yesi", HERE, None).await.unwrap();
    for _ in 0..29 {
        town.clock.advance_ms(20 * MINUTE);
        assert!(is_live(&town, Door::Portal, &busy.token).await);
    }
    town.clock.advance_ms(20 * MINUTE);
    assert!(!is_live(&town, Door::Portal, &busy.token).await, "ten hours");
    assert!(super::session::sweep(&town).await.unwrap() >= 2);
}

#[tokio::test]
async fn a_new_password_or_a_closed_account_ends_every_session() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let login = Login::new("gong").unwrap();
    let before = try_as(&town, "gong", "mapae-yesi", HERE, None).await.unwrap();
    let new = Password::new("another-secret".to_owned()).unwrap();
    account::set_password(&town, login.clone(), new, "operator").await.unwrap();
    assert!(!is_live(&town, Door::Portal, &before.token).await);
    assert!(try_as(&town, "gong", "mapae-yesi", HERE, None).await.is_err());
    let after = try_as(&town, "gong", "another-secret", HERE, None).await.unwrap();
    account::close(&town, login, "operator").await.unwrap();
    assert!(!is_live(&town, Door::Portal, &after.token).await);
    let error = try_as(&town, "gong", "another-secret", HERE, None).await.unwrap_err();
    assert!(matches!(error, SignInError::Refused));
}

#[tokio::test]
async fn an_account_belongs_to_one_employee_and_a_duty_to_the_employee() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let password = || Password::new("mapae-yesi".to_owned()).unwrap();
    let (official, colleague) = (town.id(OFFICIAL).await, town.id(COLLEAGUE).await);
    let again = account::add(&town, Login::new("gong").unwrap(), &official, password(), "operator").await;
    assert!(matches!(again, Ok(false)), "the same once more is no error");
    for (login, employee) in [("gong", &colleague), ("gong2", &official)] {
        let taken = account::add(&town, Login::new(login).unwrap(), employee, password(), "operator").await;
        assert!(matches!(taken, Err(AccountError::Taken)), "{login}: {taken:?}");
    }
    let none = account::grant(&town, &colleague, Duty::HrManager, "9000001", "operator").await;
    assert!(matches!(none, Err(AccountError::Unknown)), "{none:?}");
    for duty in [Duty::Applicant, Duty::DepartmentHead] {
        let never = account::grant(&town, &official, duty, "9000001", "operator").await;
        assert!(matches!(never, Err(AccountError::NotGranted)), "{duty:?}");
    }
    let auditor = town.id(AUDITOR).await;
    let both = account::grant(&town, &auditor, Duty::HrManager, "9000001", "operator").await;
    assert!(matches!(both, Err(AccountError::Conflict)), "{both:?}");
    let hr = town.id(HR_ONE).await;
    assert!(
        !account::grant(&town, &hr, Duty::HrManager, "9000001", "operator").await.unwrap(),
        "held already"
    );
    assert!(account::grant(&town, &hr, Duty::SecurityOfficer, "9000001", "operator").await.unwrap());
}

#[test]
fn ids_and_passwords_have_bounds() {
    for bad in ["", "ab", "Gong", "공무원", "a b c", &"x".repeat(65)] {
        assert!(Login::new(bad).is_err(), "{bad}");
    }
    assert!(Password::new("short".to_owned()).is_err());
    assert!(Password::new("x".repeat(257)).is_err());
}
