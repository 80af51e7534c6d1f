//! A deleted app: the wallet comes back with passkey, one-time password and PIN, and with nothing less.

use serde_json::json;
use wallet::account::messages::AccountState;
use wallet::account::{AccountError, Enrolled as Back};
use wallet::issue::Options;

use super::authenticator::Authenticator;
use super::enrolment::Invited;
use super::passkeys::code_of;
use super::*;
use crate::lifecycle::{Badge, BadgeState};

const PROVIDER: &str = "http://localhost:8600";
/// What the passkey's PRF gives at `mapae/pin-salt/v1`.
const PRF: [u8; 32] = [42; 32];

/// A phone with a badge whose app is about to be deleted.
struct Lost {
    invited: Invited,
    authenticator: Authenticator,
    account: String,
    /// The old app, as a thief's copy of it would be.
    old: Wallet<Phone>,
}

impl Lost {
    async fn new() -> Lost {
        Lost::with(Authenticator::new(), true).await
    }

    async fn with(mut authenticator: Authenticator, allowed: bool) -> Lost {
        let invited = Invited::new().await;
        let mut old = invited.proofed().await;
        let options = old.passkey_creation_options().await.unwrap().options;
        old.add_passkey(&authenticator.create(&options), true).await.unwrap();
        let account = old.register(&pin(RIGHT)).await.unwrap().account;
        if allowed {
            old.allow_recovery(&PRF).await.unwrap();
        }
        old.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
        Lost { invited, authenticator, account, old }
    }

    /// A fresh app on the same phone, or on a thief's.
    async fn fresh(&self) -> Wallet<Phone> {
        Phone::new(&self.invited.town).installed().await
    }

    async fn started(&mut self) -> Result<Wallet<Phone>, AccountError> {
        let mut wallet = self.fresh().await;
        let options = wallet.recovery_options(PROVIDER).await.unwrap().options;
        assert_eq!(options["allowCredentials"], json!([]), "the passkey tells whose it is");
        wallet.start_recovery(PROVIDER, &self.authenticator.get(&options), &PRF).await?;
        Ok(wallet)
    }

    async fn proofed(&mut self) -> Wallet<Phone> {
        let mut wallet = self.started().await.unwrap();
        wallet.prove_recovery_phone(&self.invited.otp().await).await.unwrap();
        wallet
    }

    async fn column(&self, column: &'static str) -> i64 {
        let sql = "SELECT tries, sequence, pin_generation FROM account WHERE id = $1";
        let row = self.invited.town.store.fetch_one(sql, params![&self.account]).await.unwrap();
        row.int(column).unwrap()
    }
}

async fn recover(wallet: &mut Wallet<Phone>, text: &str) -> Result<Back, AccountError> {
    wallet.recover(&pin(text)).await
}

#[tokio::test]
async fn passkey_password_and_pin_bring_the_account_back_and_the_old_badge_ends_with_the_new_one() {
    let mut lost = Lost::new().await;
    let store = lost.invited.town.store.clone();
    let before = Badge::live_of_account(&store, &lost.account).await.unwrap().unwrap();
    let mut wallet = lost.proofed().await;
    let back = recover(&mut wallet, RIGHT).await.unwrap();
    assert_eq!(back.account, lost.account, "the same account goes on");
    wallet.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
    let after = Badge::live_of_account(&store, &lost.account).await.unwrap().unwrap();
    assert_ne!(after.id, before.id);
    assert_eq!((after.kind.as_str(), after.state), ("recovery", BadgeState::Active));
    let old = Badge::find(&store, &before.id).await.unwrap().unwrap();
    assert_eq!(old.state, BadgeState::Replaced, "with every copy that was on the old app");
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
    assert_eq!(wallet.sync().await.unwrap().state, AccountState::Active);
    // And once more: what the server keeps was brought in step.
    lost.old = wallet;
    let mut again = lost.proofed().await;
    recover(&mut again, RIGHT).await.unwrap();
}

#[tokio::test]
async fn the_old_device_key_is_a_strangers_from_then_on() {
    let mut lost = Lost::new().await;
    let mut wallet = lost.proofed().await;
    recover(&mut wallet, RIGHT).await.unwrap();
    assert_eq!(code_of(lost.old.sync().await), "device_refused");
    assert_eq!(code_of(lost.old.check_pin(&pin(RIGHT)).await), "device_refused");
    assert_eq!(code_of(lost.old.request_offer().await), "device_refused");
}

#[tokio::test]
async fn until_the_new_badge_is_there_no_batch_of_the_old_one_is_given() {
    let mut lost = Lost::new().await;
    let store = lost.invited.town.store.clone();
    let mut wallet = lost.proofed().await;
    recover(&mut wallet, RIGHT).await.unwrap();
    // The offer that came is lost; the next one is of a new badge as well.
    wallet.request_offer().await.unwrap();
    wallet.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
    assert_eq!(Badge::live_of_account(&store, &lost.account).await.unwrap().unwrap().kind, "recovery");
    wallet.request_offer().await.unwrap();
    wallet.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
    let badges = store.fetch_all("SELECT id FROM badge", params![]).await.unwrap();
    assert_eq!(badges.len(), 2, "later offers are renewals");
}

#[tokio::test]
async fn a_wrong_pin_is_charged_like_every_other_and_five_lock() {
    let mut lost = Lost::new().await;
    let mut wallet = lost.proofed().await;
    for left in (0..5).rev() {
        assert_eq!(
            recover(&mut wallet, WRONG).await.unwrap_err(),
            AccountError::WrongPin { tries_left: left }
        );
    }
    assert_eq!(code_of(recover(&mut wallet, RIGHT).await), "account_locked");
    assert_eq!(code_of(lost.started().await), "account_locked");
    assert_eq!(lost.old.sync().await.unwrap().state, AccountState::Locked);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_racing_clients_with_wrong_pins_exactly_five_are_judged() {
    let mut lost = Lost::new().await;
    let wallet = lost.proofed().await;
    let state = serde_json::to_vec(wallet.state()).unwrap();
    let racers = (0..32).map(|_| {
        let (phone, state) = (Phone::new(&lost.invited.town), state.clone());
        tokio::spawn(async move {
            let blob = vault::seal(&Phone::key(), b"", &state).unwrap();
            phone.disk.save(&blob).await.unwrap();
            let mut judged = 0;
            for _ in 0..200 {
                match phone.restarted().await.recover(&pin(WRONG)).await {
                    Err(AccountError::WrongPin { tries_left }) => {
                        judged += 1;
                        if tries_left == 0 {
                            break;
                        }
                    }
                    Err(error) if error.is("stale_sequence") => {}
                    Err(error) => {
                        assert!(error.is("account_locked"), "{error}");
                        break;
                    }
                    Ok(_) => panic!("a wrong PIN passed"),
                }
            }
            judged
        })
    });
    let judged: i32 = futures::future::join_all(racers).await.into_iter().map(|one| one.unwrap()).sum();
    assert_eq!((judged, lost.column("tries").await, lost.column("sequence").await), (5, 5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_devices_with_the_right_pin_one_gets_the_account() {
    let mut lost = Lost::new().await;
    let wallet = lost.proofed().await;
    let state = State { device: None, ..wallet.state().clone() };
    let state = serde_json::to_vec(&state).unwrap();
    let racers = (0..24).map(|_| {
        let (phone, state) = (Phone::new(&lost.invited.town), state.clone());
        tokio::spawn(async move {
            let blob = vault::seal(&Phone::key(), b"", &state).unwrap();
            phone.disk.save(&blob).await.unwrap();
            phone.restarted().await.recover(&pin(RIGHT)).await.is_ok()
        })
    });
    let won =
        futures::future::join_all(racers).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
    assert_eq!(lost.column("tries").await, 0);
}

#[tokio::test]
async fn a_lost_request_or_reply_never_leaves_an_account_that_nobody_has() {
    for how in [Break::Refused, Break::ReplyLost] {
        let mut nth = 0;
        loop {
            let mut lost = Lost::new().await;
            let mut wallet = lost.proofed().await;
            let phone = wallet.shell().clone();
            phone.net.fault.plan(nth, how);
            let first = recover(&mut wallet, RIGHT).await;
            if !phone.net.fault.clear() {
                break;
            }
            drop(wallet);
            let mut wallet = phone.restarted().await;
            if wallet.state().account.is_none() {
                assert!(first.is_err());
                recover(&mut wallet, RIGHT).await.unwrap();
            }
            wallet.check_pin(&pin(RIGHT)).await.unwrap();
            wallet.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
            nth += 1;
        }
        assert!(nth >= 2, "a look and a move at least, not {nth}");
    }
}

#[tokio::test]
async fn a_synced_passkey_or_none_ends_in_a_re_issue() {
    let mut authenticator = Authenticator::new();
    authenticator.synced = true;
    let mut lost = Lost::with(authenticator, true).await;
    assert_eq!(code_of(lost.started().await), "not_recoverable");
    let mut unsealed = Lost::with(Authenticator::new(), false).await;
    assert_eq!(code_of(unsealed.started().await), "not_recoverable");

    let mut stranger = Lost::new().await;
    stranger.authenticator = Authenticator::new();
    assert_eq!(code_of(stranger.started().await), "passkey_unknown");
    assert_eq!(stranger.invited.town.messages(stranger.invited.who).await.len(), 2, "no message was sent");
}

#[tokio::test]
async fn an_assertion_starts_one_recovery_and_serves_nothing_else() {
    let mut lost = Lost::new().await;
    let mut wallet = lost.fresh().await;
    let options = wallet.recovery_options(PROVIDER).await.unwrap().options;
    let credential = lost.authenticator.get(&options);
    wallet.start_recovery(PROVIDER, &credential, &PRF).await.unwrap();
    let mut second = lost.fresh().await;
    assert_eq!(code_of(second.start_recovery(PROVIDER, &credential, &PRF).await), "passkey_challenge");
    let other =
        lost.old.passkey_options(wallet::account::messages::PasskeyPurpose::ForgottenPin).await.unwrap();
    let credential = lost.authenticator.get(&other.options);
    assert_eq!(code_of(second.start_recovery(PROVIDER, &credential, &PRF).await), "passkey_challenge");
}

#[tokio::test]
async fn a_newer_recovery_ends_the_older_one() {
    let mut lost = Lost::new().await;
    let mut first = lost.proofed().await;
    let mut second = lost.proofed().await;
    assert_eq!(code_of(recover(&mut first, RIGHT).await), "proof_over");
    recover(&mut second, RIGHT).await.unwrap();
}

#[tokio::test]
async fn without_the_one_time_password_no_pin_is_asked() {
    let mut lost = Lost::new().await;
    let mut wallet = lost.started().await.unwrap();
    assert!(wallet.recovery_status().await.unwrap().wallet.is_none());
    assert_eq!(code_of(recover(&mut wallet, RIGHT).await), "no_enrolment");
    let right = lost.invited.otp().await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for left in (0..5).rev() {
        let Err(AccountError::Refused { code, tries_left, .. }) = wallet.prove_recovery_phone(wrong).await
        else {
            panic!("a wrong password passed")
        };
        assert_eq!((code.as_str(), tries_left), ("otp_wrong", Some(left)));
    }
    assert_eq!(code_of(wallet.prove_recovery_phone(&right).await), "otp_over");
    assert_eq!(lost.column("tries").await, 0);
}

#[tokio::test]
async fn five_beginnings_a_day_and_no_more() {
    let mut lost = Lost::new().await;
    for _ in 0..5 {
        lost.started().await.unwrap();
    }
    assert_eq!(code_of(lost.started().await), "proof_too_many");
    lost.invited.town.clock.advance_ms(24 * 3_600_000);
    lost.started().await.unwrap();
}

#[tokio::test]
async fn a_suspension_in_between_stops_it() {
    let mut lost = Lost::new().await;
    let mut wallet = lost.proofed().await;
    let account = lost.account.clone();
    let change = |suspend: bool| {
        let account = account.clone();
        lost.invited.town.store.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                if suspend {
                    crate::account::suspend(tx, &account).await
                } else {
                    crate::account::resume(tx, &account).await
                }
            })
        })
    };
    change(true).await.unwrap();
    assert_eq!(code_of(recover(&mut wallet, RIGHT).await), "account_suspended");
    change(false).await.unwrap();
    recover(&mut wallet, RIGHT).await.unwrap();
}

#[tokio::test]
async fn a_pin_changed_since_still_opens_what_is_kept() {
    let mut lost = Lost::new().await;
    lost.old.change_pin(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    let mut wallet = lost.proofed().await;
    assert_eq!(recover(&mut wallet, RIGHT).await.unwrap_err(), AccountError::WrongPin { tries_left: 4 });
    recover(&mut wallet, NEXT).await.unwrap();
}

#[tokio::test]
async fn an_app_deleted_in_the_middle_of_a_pin_change_comes_back_with_whichever_pin_counts() {
    // Begun, not committed: the old PIN counts, and the change is dropped.
    let mut lost = Lost::new().await;
    lost.old.begin_pin_change(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    let mut wallet = lost.proofed().await;
    recover(&mut wallet, RIGHT).await.unwrap();
    wallet.change_pin(&pin(RIGHT), &pin(NEXT)).await.unwrap();

    // Committed, and the app was gone before it could say so: the new PIN counts.
    let mut lost = Lost::new().await;
    lost.old.begin_pin_change(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    lost.old.shell().net.fault.plan(2, Break::Refused);
    lost.old.commit_pin_change(&pin(NEXT)).await.unwrap();
    assert!(lost.old.shell().net.fault.clear(), "the salt was not brought in step");
    let mut wallet = lost.proofed().await;
    recover(&mut wallet, NEXT).await.unwrap();
}

#[tokio::test]
async fn the_server_keeps_the_salt_without_being_able_to_read_it() {
    let lost = Lost::new().await;
    let row = lost.invited.town.store.fetch_one("SELECT salt FROM account_passkey", params![]).await.unwrap();
    let sealed = row.bytes("salt").unwrap();
    assert!(sealed.len() <= 512);
    let salt = serde_json::to_value(&lost.old.state().account.as_ref().unwrap().pin.salt).unwrap();
    let salt = keys::encoding::b64url_decode(salt.as_str().unwrap()).unwrap();
    assert!(!sealed.windows(32).any(|window| window == salt.as_slice()));
}
