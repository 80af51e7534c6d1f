//! From the message to the account, with everything that can go wrong on the way.

use std::sync::Arc;

use wallet::account::messages::{AccountState, OnboardingStep};
use wallet::account::{AccountError, InvitationLink};
use wallet::issue::Options;

use super::*;
use crate::application::tests::{COLLEAGUE, OFFICIAL, Town, town_with};
use crate::application::{self, Application};
use crate::personnel::demo_data;

const PROVIDER: &str = "http://localhost:8600";

/// An official whose application is approved, with the message on the phone.
pub(super) struct Invited {
    pub(super) town: Town,
    pub(super) application: Application,
    pub(super) handle: String,
    pub(super) phone: Phone,
    pub(super) who: u64,
}

impl Invited {
    pub(super) async fn new() -> Invited {
        Invited::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut crate::operations::Config)) -> Invited {
        let town = town_with(change).await;
        let application = town.approved(OFFICIAL).await;
        let handle = town.handle(OFFICIAL).await;
        let phone = Phone::new(&town);
        Invited { town, application, handle, phone, who: OFFICIAL }
    }

    /// The code that the portal shows.
    pub(super) async fn code(&self) -> String {
        application::new_code(&self.town, &self.application.employee_id).await.unwrap().code
    }

    /// The digits in the newest message.
    pub(super) async fn otp(&self) -> String {
        self.town.deliver().await;
        let text = self.town.messages(self.who).await.into_iter().next().unwrap();
        let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take(6).collect();
        assert_eq!(digits.len(), 6, "{text}");
        digits
    }

    pub(super) fn person(&self) -> (String, String) {
        let person = demo_data::person(self.who);
        (person.name.clone(), person.rrn.clone())
    }

    pub(super) async fn activated(&self) -> Wallet<Phone> {
        let mut wallet = self.phone.installed().await;
        wallet.activate(PROVIDER, &self.handle, &self.code().await).await.unwrap();
        wallet
    }

    pub(super) async fn proofed(&self) -> Wallet<Phone> {
        let mut wallet = self.activated().await;
        let (name, rrn) = self.person();
        wallet.prove_identity(&name, &rrn).await.unwrap();
        wallet.prove_phone(&self.otp().await).await.unwrap();
        wallet
    }

    pub(super) async fn with_badge(&self) -> Wallet<Phone> {
        let mut wallet = self.proofed().await;
        wallet.register(&pin(RIGHT)).await.unwrap();
        wallet.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
        wallet
    }
}

fn code_of<T: std::fmt::Debug>(answer: Result<T, AccountError>) -> String {
    answer.unwrap_err().code().to_owned()
}

#[tokio::test]
async fn our_own_wallet_receives_where_attestations_and_encryption_are_required() {
    let invited = Invited::with(|config| {
        config.issuance.wallet_attestation = crate::issuance::AttestationPolicy::Required;
        config.issuance.encryption = crate::issuance::EncryptionPolicy::Required;
    })
    .await;
    let wallet = invited.with_badge().await;
    assert_eq!(wallet.badge().unwrap().copies.len(), 2);
}

#[tokio::test]
async fn a_message_and_a_code_become_an_account_with_a_badge() {
    let invited = Invited::new().await;
    let link = InvitationLink::parse(&format!("{PROVIDER}/install#{}", invited.handle)).unwrap();
    let mut wallet = invited.phone.installed().await;
    wallet.activate(&link.provider, &link.handle, &invited.code().await).await.unwrap();
    let (name, rrn) = invited.person();
    let sent = wallet.prove_identity(&name, &rrn).await.unwrap();
    let phone = demo_data::person(OFFICIAL).phone;
    let tail: String = phone.chars().rev().filter(char::is_ascii_digit).take(4).collect();
    assert!(sent.phone.ends_with(&tail.chars().rev().collect::<String>()) && sent.phone.contains("****"));
    wallet.prove_phone(&invited.otp().await).await.unwrap();
    let account = wallet.register(&pin(RIGHT)).await.unwrap().account;
    assert_eq!(wallet.sync().await.unwrap().state, AccountState::Pending);

    let received = wallet.receive_badge(Options { copies: Some(3), ..Options::default() }).await.unwrap();
    assert_eq!(received.copies, 6, "three in each format");
    assert_eq!(wallet.sync().await.unwrap().state, AccountState::Active);
    let badge =
        crate::lifecycle::Badge::live_of_account(&invited.town.store, &account).await.unwrap().unwrap();
    assert_eq!(badge.employee_id, invited.application.employee_id);
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
}

#[tokio::test]
async fn every_mismatch_of_name_and_number_gets_one_and_the_same_answer_and_five_end_the_invitation() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    let (name, rrn) = invited.person();
    let colleague = demo_data::person(COLLEAGUE);
    let answers = [
        (name.clone(), colleague.rrn.clone()),
        (colleague.name.clone(), rrn.clone()),
        (colleague.name.clone(), colleague.rrn.clone()),
        ("".to_owned(), "no number".to_owned()),
    ];
    for (nth, (name, rrn)) in answers.into_iter().enumerate() {
        let Err(AccountError::Refused { status, code, detail, tries_left, .. }) =
            wallet.prove_identity(&name, &rrn).await
        else {
            panic!("a mismatch passed")
        };
        let left = 4 - u32::try_from(nth).unwrap();
        assert_eq!((status, code.as_str(), tries_left), (403, "identity_mismatch", Some(left)));
        assert!(!detail.contains(&name) || name.is_empty());
    }
    assert_eq!(code_of(wallet.prove_identity(&colleague.name, &rrn).await), "identity_mismatch");
    // The right answer comes too late: the invitation is void, and the HR desk sees it.
    assert_eq!(code_of(wallet.prove_identity(&name, &rrn).await), "onboarding_over");
    let gone =
        application::invitation_by_handle(&invited.town.store, &invited.handle, invited.town.now_ms()).await;
    assert!(gone.unwrap().is_none());
    invited.town.deliver().await;
    assert_eq!(invited.town.messages(OFFICIAL).await.len(), 1, "no one-time password was sent");
}

#[tokio::test]
async fn a_right_answer_starts_the_count_anew() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    let (name, rrn) = invited.person();
    for _ in 0..4 {
        assert_eq!(code_of(wallet.prove_identity("예시", &rrn).await), "identity_mismatch");
    }
    wallet.prove_identity(&name, &rrn).await.unwrap();
    assert_eq!(code_of(wallet.prove_identity("예시", &rrn).await), "identity_mismatch");
    wallet.prove_identity(&name, &rrn).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_racing_activations_one_gets_a_token() {
    let invited = Invited::new().await;
    let code = invited.code().await;
    let racers = (0..64).map(|_| {
        let (phone, handle, code) = (Phone::new(&invited.town), invited.handle.clone(), code.clone());
        tokio::spawn(async move { phone.installed().await.activate(PROVIDER, &handle, &code).await.is_ok() })
    });
    let won =
        futures::future::join_all(racers).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_racing_one_time_passwords_one_passes() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    let (name, rrn) = invited.person();
    wallet.prove_identity(&name, &rrn).await.unwrap();
    let otp = invited.otp().await;
    let vault = invited.phone.disk.load().await.unwrap().unwrap();
    let racers = (0..64).map(|_| {
        let copy = Phone { disk: Disk::default(), ..invited.phone.clone() };
        let (vault, otp) = (vault.clone(), otp.clone());
        tokio::spawn(async move {
            copy.disk.save(&vault).await.unwrap();
            copy.restarted().await.prove_phone(&otp).await.is_ok()
        })
    });
    let won =
        futures::future::join_all(racers).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_racing_registrations_one_device_gets_the_account() {
    let invited = Invited::new().await;
    let wallet = invited.proofed().await;
    let onboarding = wallet.state().onboarding.clone();
    let racers = (0..64).map(|_| {
        let (phone, onboarding) = (Phone::new(&invited.town), onboarding.clone());
        tokio::spawn(async move {
            // A phone of its own, with the token that leaked.
            let device = keys::SecretKey::generate();
            let handle = KeyHandle(Secret::new(keys::encoding::b64url_encode(device.to_bytes().as_slice())));
            let state = State {
                device: Some(Device { handle, public_key: device.public_key().to_jwk() }),
                onboarding,
                ..State::default()
            };
            let blob = vault::seal(&Phone::key(), b"", &serde_json::to_vec(&state).unwrap()).unwrap();
            phone.disk.save(&blob).await.unwrap();
            phone.restarted().await.register(&pin(RIGHT)).await.is_ok()
        })
    });
    let won =
        futures::future::join_all(racers).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
    let accounts = invited.town.store.fetch_all("SELECT id FROM account", params![]).await.unwrap();
    assert_eq!(accounts.len(), 1);
}

#[tokio::test]
async fn five_wrong_one_time_passwords_end_it_and_a_new_one_may_be_asked_for() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    let (name, rrn) = invited.person();
    wallet.prove_identity(&name, &rrn).await.unwrap();
    let otp = invited.otp().await;
    let wrong = if otp == "000000" { "111111" } else { "000000" };
    for left in [4, 3, 2, 1, 0] {
        let refused = wallet.prove_phone(wrong).await.unwrap_err();
        assert!(
            matches!(&refused, AccountError::Refused { tries_left: Some(l), .. } if *l == left),
            "{refused:?}"
        );
    }
    assert_eq!(code_of(wallet.prove_phone(&otp).await), "otp_over");
    wallet.prove_identity(&name, &rrn).await.unwrap();
    wallet.prove_phone(&invited.otp().await).await.unwrap();
    assert_eq!(wallet.onboarding_status().await.unwrap().step, OnboardingStep::Proofed);
}

#[tokio::test]
async fn a_one_time_password_lives_three_minutes_and_is_not_stored_in_clear() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    let (name, rrn) = invited.person();
    wallet.prove_identity(&name, &rrn).await.unwrap();
    let otp = invited.otp().await;
    let sql = "SELECT otp_hash FROM account_onboarding WHERE step = 'otp_sent'";
    let hash = invited.town.store.fetch_one(sql, params![]).await.unwrap().bytes("otp_hash").unwrap();
    assert!(hash.len() >= 16 && !hash.windows(6).any(|part| part == otp.as_bytes()));
    invited.town.clock.advance_ms(180_000);
    assert_eq!(code_of(wallet.prove_phone(&otp).await), "otp_over");
}

#[tokio::test]
async fn at_most_five_one_time_passwords_are_sent_in_one_enrolment() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    let (name, rrn) = invited.person();
    for _ in 0..5 {
        wallet.prove_identity(&name, &rrn).await.unwrap();
    }
    assert_eq!(code_of(wallet.prove_identity(&name, &rrn).await), "otp_too_many");
}

#[tokio::test]
async fn a_newer_activation_ends_the_older_one() {
    let invited = Invited::new().await;
    let mut first = invited.activated().await;
    let second = Phone::new(&invited.town);
    let mut newer = second.installed().await;
    newer.activate(PROVIDER, &invited.handle, &invited.code().await).await.unwrap();
    let (name, rrn) = invited.person();
    assert_eq!(code_of(first.prove_identity(&name, &rrn).await), "onboarding_over");
    newer.prove_identity(&name, &rrn).await.unwrap();
}

#[tokio::test]
async fn no_step_can_be_skipped() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    assert_eq!(code_of(wallet.prove_phone("123456").await), "wrong_step");
    assert_eq!(code_of(wallet.register(&pin(RIGHT)).await), "wrong_step");
}

#[tokio::test]
async fn an_onboarding_token_that_is_over_foreign_or_made_up_is_refused() {
    let invited = Invited::new().await;
    let wallet = invited.activated().await;
    let token = wallet.state().onboarding.as_ref().unwrap().token.to_string();
    let challenge =
        invited.town.tokens.seal("pin-challenge", &serde_json::json!({ "id": id::new() }), i64::MAX).unwrap();
    let unknown =
        invited.town.tokens.seal("onboarding", &serde_json::json!({ "id": id::new() }), i64::MAX).unwrap();
    let cut = token.get(..token.len() - 1).unwrap().to_owned();
    let ask = |token: String| {
        let net = invited.phone.net.clone();
        async move {
            let url = format!("{PROVIDER}/wallet/v1/onboarding");
            let request = Request::get(url).header("authorization", format!("Bearer {token}"));
            net.send(request).await.unwrap().status
        }
    };
    assert_eq!(ask(token.clone()).await, 200);
    for bad in [challenge, unknown, cut, String::new(), "x".repeat(9_000)] {
        assert_eq!(ask(bad).await, 401);
    }
    invited.town.clock.advance_ms(3_600_000);
    assert_eq!(ask(token).await, 401, "an hour later it is over");
}

#[tokio::test]
async fn a_weak_pin_is_refused_on_the_phone_with_the_holders_own_dates() {
    let invited = Invited::new().await;
    let mut wallet = invited.proofed().await;
    let (_, rrn) = invited.person();
    let birth: String = rrn.chars().take(6).collect();
    assert!(matches!(wallet.register(&pin(&birth)).await, Err(AccountError::WeakPin(_))));
    wallet.register(&pin(RIGHT)).await.unwrap();
}

#[tokio::test]
async fn a_registration_may_be_repeated_by_its_device_until_the_pin_was_used() {
    let invited = Invited::new().await;
    let mut wallet = invited.proofed().await;
    let before = invited.phone.disk.load().await.unwrap().unwrap();
    let account = wallet.register(&pin(RIGHT)).await.unwrap().account;
    // The reply was lost and the person chose another PIN.
    invited.phone.disk.save(&before).await.unwrap();
    let mut wallet = invited.phone.restarted().await;
    assert_eq!(wallet.register(&pin(NEXT)).await.unwrap().account, account);
    wallet.check_pin(&pin(NEXT)).await.unwrap();
    invited.phone.disk.save(&before).await.unwrap();
    let mut wallet = invited.phone.restarted().await;
    assert_eq!(code_of(wallet.register(&pin(RIGHT)).await), "onboarding_over");
}

/// Goes on like a person who looks at the screen: whatever the phone and the server know decides the next step.
async fn finish(invited: &Invited) -> Wallet<Phone> {
    let (name, rrn) = invited.person();
    for _ in 0..12 {
        let mut wallet = match Wallet::open(invited.phone.clone(), Phone::key()).await {
            Ok(wallet) => wallet,
            Err(_) => match Wallet::create(invited.phone.clone(), Phone::key(), Vec::new()).await {
                Ok(wallet) => wallet,
                Err(_) => continue,
            },
        };
        if wallet.state().account.is_some() {
            return wallet;
        }
        if wallet.state().onboarding.is_none() {
            let code = invited.code().await;
            let _ = wallet.activate(PROVIDER, &invited.handle, &code).await;
            continue;
        }
        let step = wallet.onboarding_status().await.map(|status| status.step);
        let _ = match step {
            Ok(OnboardingStep::Activated) => wallet.prove_identity(&name, &rrn).await.map(|_| ()),
            Ok(OnboardingStep::OtpSent) => wallet.prove_phone(&invited.otp().await).await.map(|_| ()),
            Ok(OnboardingStep::Proofed | OnboardingStep::Registered) => {
                wallet.register(&pin(RIGHT)).await.map(|_| ())
            }
            Err(error) => Err(error),
        };
    }
    panic!("the enrolment never came to an end");
}

#[tokio::test]
async fn whatever_breaks_the_enrolment_ends_in_one_account_whose_pin_works() {
    for on_disk in [false, true] {
        for how in [Break::Refused, Break::ReplyLost] {
            for nth in 0..9 {
                let invited = Invited::new().await;
                let fault = if on_disk { &invited.phone.disk.fault } else { &invited.phone.net.fault };
                fault.plan(nth, how);
                let mut wallet = finish(&invited).await;
                let struck = fault.clear();
                wallet.check_pin(&pin(RIGHT)).await.unwrap();
                let accounts =
                    invited.town.store.fetch_all("SELECT id FROM account", params![]).await.unwrap();
                assert_eq!(accounts.len(), 1, "{on_disk} {how:?} {nth}");
                if !struck {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn two_enrolments_of_one_person_leave_one_account() {
    let invited = Invited::new().await;
    let mut first = invited.proofed().await;
    first.register(&pin(RIGHT)).await.unwrap();
    // The phone fell into the river before the badge came: the HR desk invites again.
    let hr = invited.town.actor(crate::application::tests::HR_TWO).await;
    application::invite_again(&invited.town, &hr, &invited.application.id).await.unwrap();
    let handle = invited.town.handle(OFFICIAL).await;
    let again = Invited { handle, phone: Phone::new(&invited.town), ..invited };
    let mut second = again.with_badge().await;
    assert_eq!(first.sync().await.unwrap().state, AccountState::Closed);
    assert_eq!(second.sync().await.unwrap().state, AccountState::Active);
    let _ = Arc::clone(&again.town.platform);
}
