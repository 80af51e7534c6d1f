//! States, races, and what a change takes with it.

use futures::future::join_all;

use super::*;
use crate::lifecycle::BadgeState;
use crate::operations::params;
use crate::testing;

#[tokio::test]
async fn only_the_changes_of_the_table_are_written() {
    let platform = testing::platform().await;
    for from in BadgeState::ALL {
        for (change_made, to) in [
            (Change::Suspend, BadgeState::Suspended),
            (Change::Resume, BadgeState::Active),
            (Change::Revoke, BadgeState::Revoked),
        ] {
            let made = badge(&platform, &crate::operations::id::new()).await;
            let (id, word) = (made.id.clone(), from.as_str());
            platform
                .store
                .write(move |tx| {
                    Box::pin(async move {
                        tx.execute("UPDATE badge SET state = $2 WHERE id = $1", params![id, word]).await
                    })
                })
                .await
                .unwrap();
            let outcome = change(&platform, &made.id, change_made).await;
            let after = state(&platform, &made.id).await;
            if from.may_become(to) {
                assert_eq!((outcome.unwrap().state, after), (to, to), "{from} to {to}");
            } else if (from, to) == (BadgeState::Suspended, BadgeState::Suspended) {
                assert_eq!((outcome.unwrap().state, after), (to, to), "a loss may be reported twice");
            } else {
                let refused = matches!(outcome, Err(ChangeError::NotAllowed { from: f, to: t }) if f == from && t == to);
                assert!(refused && after == from, "{from} to {to}");
            }
        }
    }
    assert!(matches!(change(&platform, "nobody", Change::Suspend).await, Err(ChangeError::Unknown)));
}

#[tokio::test]
async fn an_employee_has_one_live_badge_whatever_the_code_does() {
    let platform = testing::platform().await;
    let first = badge(&platform, "someone").await;
    let second = new_badge(&platform, "someone", 1, None).await;
    assert!(matches!(enter(&platform, second.clone()).await, Err(ChangeError::Overtaken)));
    change(&platform, &first.id, Change::Suspend).await.unwrap();
    assert!(
        matches!(enter(&platform, second.clone()).await, Err(ChangeError::Overtaken)),
        "suspended is live"
    );
    // Not even by hand.
    let by_hand = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO badge (id, employee_id, kind, credential_type, issuing_did, slot, state, reason, \
                     copy_week, copy_next, issued_at, valid_until, changed_at) \
                     SELECT 'other', employee_id, kind, credential_type, issuing_did, slot + 1000, 'active', reason, \
                     copy_week, copy_next, issued_at, valid_until, changed_at FROM badge WHERE id = $1",
                    params![first.id],
                )
                .await
            })
        })
        .await;
    assert!(matches!(by_hand, Err(crate::operations::StoreError::Unique)));
    let first = Badge::live_of_employee(&platform.store, "someone").await.unwrap().unwrap();
    let third = new_badge(&platform, "someone", 1, Some(&first)).await;
    enter(&platform, third).await.unwrap();
    assert_eq!(state(&platform, &first.id).await, BadgeState::Replaced);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_re_issues_at_once_one_replaces_the_badge() {
    let platform = testing::platform().await;
    let old = badge(&platform, "someone").await;
    let mut entries = Vec::new();
    for _ in 0..64 {
        entries.push(new_badge(&platform, "someone", 1, Some(&old)).await);
    }
    let outcomes = join_all(entries.into_iter().map(|new| {
        let platform = platform.platform.clone();
        tokio::spawn(async move { enter(&platform, new).await })
    }))
    .await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Ok(_)))).count();
    let overtaken =
        outcomes.iter().filter(|outcome| matches!(outcome, Ok(Err(ChangeError::Overtaken)))).count();
    assert_eq!((won, overtaken), (1, 63));
    let rows = platform
        .store
        .fetch_all("SELECT state FROM badge WHERE employee_id = 'someone' ORDER BY state", params![])
        .await
        .unwrap();
    let states: Vec<String> = rows.iter().map(|row| row.text("state").unwrap()).collect();
    assert_eq!(states, ["active", "replaced"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_issues_at_once_one_is_entered() {
    let platform = testing::platform().await;
    let mut entries = Vec::new();
    for _ in 0..64 {
        entries.push(new_badge(&platform, "someone", 1, None).await);
    }
    let slots: std::collections::HashSet<i64> = entries.iter().map(|new| new.slot).collect();
    assert_eq!(slots.len(), 64, "a slot is given once");
    let outcomes = join_all(entries.into_iter().map(|new| {
        let platform = platform.platform.clone();
        tokio::spawn(async move { enter(&platform, new).await })
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(Ok(_)))).count(), 1);
}

#[tokio::test]
async fn a_suspension_takes_offers_account_and_sessions_with_it_and_a_resume_brings_the_account_back_alone() {
    let platform = testing::platform().await;
    let mut new = new_badge(&platform, "someone", 1, None).await;
    new.account_id = Some("account-1".to_owned());
    platform
        .store
        .write(|tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, \
                     pin_generation, pin_right_at, sequence, tries, charged_at, created_at) \
                     VALUES ('account-1', 'someone', 'a', 'pending', $1, 't', 1, 0, 0, 0, 0, 0)",
                    params![vec![4_u8; 65]],
                )
                .await?;
                tx.execute(
                    "INSERT INTO issuance_offer (id, kind, employee_id, reason, credential_type, configurations, \
                     state, created_at, expires_at, changed_at) \
                     VALUES ('o1', 'wallet', 'someone', 'first', 'badge', '[]', 'open', 0, 9, 0), \
                     ('o2', 'wallet', 'someone', 'first', 'badge', '[]', 'redeemed', 0, 9, 0), \
                     ('o3', 'wallet', 'another', 'first', 'badge', '[]', 'open', 0, 9, 0)",
                    params![],
                )
                .await
            })
        })
        .await
        .unwrap();
    let made = enter(&platform, new).await.unwrap();
    let badge_id = made.id.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO relying_party (id, name_ko, name_en, redirect_uris, claims, level, acr, subject, \
                     sector, id_token_alg, created_at) \
                     VALUES ('rp', 'rp', 'rp', '[]', '[]', 'low', 'base', 'public', 'rp', 'ES256', 0)",
                    params![],
                )
                .await?;
                tx.execute(
                    "INSERT INTO login_session (id, attempt, relying_party, badge, subject, acr, token_hash, \
                     created_at, expires_at) VALUES ('s', 'a', 'rp', $1, 'sub', 'base', $2, 0, 9)",
                    params![badge_id, vec![1_u8; 32]],
                )
                .await
            })
        })
        .await
        .unwrap();
    let session_ended = || async {
        let row = platform.store.fetch_one("SELECT ended_at FROM login_session", params![]).await.unwrap();
        row.opt_int("ended_at").unwrap().is_some()
    };
    assert!(!session_ended().await);
    let offers = || async {
        let sql = "SELECT state FROM issuance_offer ORDER BY id";
        let rows = platform.store.fetch_all(sql, params![]).await.unwrap();
        rows.iter().map(|row| row.text("state").unwrap()).collect::<Vec<_>>()
    };
    let account = || async {
        let sql = "SELECT suspended_at, state FROM account";
        let row = platform.store.fetch_one(sql, params![]).await.unwrap();
        (row.opt_int("suspended_at").unwrap().is_some(), row.text("state").unwrap())
    };
    assert_eq!(account().await, (false, "active".to_owned()));
    change(&platform, &made.id, Change::Suspend).await.unwrap();
    assert_eq!(offers().await, ["void", "void", "open"]);
    assert_eq!(account().await, (true, "active".to_owned()));
    assert!(session_ended().await);
    change(&platform, &made.id, Change::Resume).await.unwrap();
    assert_eq!(offers().await, ["void", "void", "open"]);
    assert_eq!(account().await, (false, "active".to_owned()));
    assert!(session_ended().await);
    change(&platform, &made.id, Change::Revoke).await.unwrap();
    assert_eq!(account().await.1, "closed");

    let rows = platform
        .store
        .fetch_all(
            "SELECT act, actor, duty FROM audit_record WHERE subject = $1 ORDER BY id",
            params![&made.id],
        )
        .await
        .unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.text("act").unwrap(), row.text("actor").unwrap(), row.text("duty").unwrap()))
        .collect();
    let by_officer = |act: &str| (act.to_owned(), "employee-7".to_owned(), "security_officer".to_owned());
    assert_eq!(
        told[1..],
        [by_officer("badge.suspended"), by_officer("badge.resumed"), by_officer("badge.revoked")]
    );
    assert_eq!(told[0].0, "badge.issued");
}

#[tokio::test]
async fn a_change_that_cannot_be_audited_does_not_happen() {
    let platform = testing::platform().await;
    let made = badge(&platform, "someone").await;
    platform
        .store
        .write(|tx| {
            Box::pin(
                async move { tx.execute("ALTER TABLE audit_record RENAME TO elsewhere", params![]).await },
            )
        })
        .await
        .unwrap();
    for wanted in [Change::Suspend, Change::Revoke] {
        assert!(matches!(change(&platform, &made.id, wanted).await, Err(ChangeError::Store(_))));
        assert_eq!(state(&platform, &made.id).await, BadgeState::Active);
    }
    let (_, version) = crate::lifecycle::party::counters(&platform.store, &made.issuing_did).await.unwrap();
    assert_eq!(version, 0, "and no list is told of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_events_un_suspends_a_badge_but_a_resume() {
    let platform = testing::platform().await;
    for round in 0..24 {
        let employee = format!("someone-{round}");
        let made = badge(&platform, &employee).await;
        // Suspend, revoke and a re-issue that saw the badge before, all at once; nobody resumes.
        let replacement = new_badge(&platform, &employee, 1, Some(&made)).await;
        let mut running = Vec::new();
        for n in 0..8 {
            let (shared, id) = (platform.platform.clone(), made.id.clone());
            let wanted = if n == 7 && round % 2 == 0 { Change::Revoke } else { Change::Suspend };
            running.push(tokio::spawn(async move { change(&shared, &id, wanted).await.map(|_| ()) }));
        }
        let shared = platform.platform.clone();
        running.push(tokio::spawn(async move { enter(&shared, replacement).await.map(|_| ()) }));
        join_all(running).await;
        assert_ne!(state(&platform, &made.id).await, BadgeState::Active, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resumes_and_suspensions_that_race_end_as_one_of_them_and_account_follows_badge() {
    let platform = testing::platform().await;
    for round in 0..12 {
        let made = badge(&platform, &format!("someone-{round}")).await;
        change(&platform, &made.id, Change::Suspend).await.unwrap();
        let running = (0..16).map(|n| {
            let (shared, id) = (platform.platform.clone(), made.id.clone());
            let wanted = if n % 2 == 0 { Change::Resume } else { Change::Suspend };
            tokio::spawn(async move { (wanted, change(&shared, &id, wanted).await.is_ok()) })
        });
        let outcomes: Vec<_> = join_all(running).await.into_iter().map(Result::unwrap).collect();
        let resumed = outcomes.iter().filter(|outcome| **outcome == (Change::Resume, true)).count();
        assert!(resumed >= 1, "somebody resumed it");
        let now = Badge::find(&platform.store, &made.id).await.unwrap().unwrap();
        let rows = platform
            .store
            .fetch_all(
                "SELECT act FROM audit_record WHERE subject = $1 AND act <> 'badge.issued'",
                params![&made.id],
            )
            .await
            .unwrap();
        // Each resume follows a suspension: the records alternate, so their number tells the state.
        let alternating = rows.len() % 2 == 0;
        assert_eq!(alternating, now.state == BadgeState::Active);
    }
}

#[tokio::test]
async fn a_badge_expires_when_its_validity_runs_out_and_stays_so() {
    let platform = testing::platform().await;
    let due = badge(&platform, "someone").await;
    let mut later = new_badge(&platform, "another", 1, None).await;
    later.valid_until += 1;
    let later = enter(&platform, later).await.unwrap();
    platform.clock.set_ms(due.valid_until - 1);
    assert_eq!(crate::lifecycle::expiry::sweep(&platform).await.unwrap(), 0);
    platform.clock.set_ms(due.valid_until);
    assert_eq!(crate::lifecycle::expiry::sweep(&platform).await.unwrap(), 1);
    assert_eq!(state(&platform, &due.id).await, BadgeState::Expired);
    assert_eq!(state(&platform, &later.id).await, BadgeState::Active);
    assert!(change(&platform, &due.id, Change::Resume).await.is_err());
}

#[test]
fn badge_numbers_have_a_check_digit_that_finds_a_wrong_one() {
    let at = testing::BEGINNING_MS;
    assert_eq!(crate::lifecycle::number(41, at), "26-0000042-2");
    let luhn = |number: &str| {
        let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(place, digit)| if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { *digit })
            .sum();
        sum.is_multiple_of(10)
    };
    for slot in [0, 1, 9, 41, 1_199_999] {
        let number = crate::lifecycle::number(slot, at);
        assert!(luhn(&number), "{number}");
        let wrong = number.replacen('0', "1", 1);
        assert!(!luhn(&wrong), "{wrong}");
    }
}
