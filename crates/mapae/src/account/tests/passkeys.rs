//! Passkeys: what is kept of them, what they open, and each way to cheat with one.

use keys::x509::{self, Kind, Profile};
use serde_json::{Value, json};
use wallet::account::messages::{PasskeyEvidence, PasskeyPurpose};
use wallet::account::passkey::LockedPhone;
use wallet::account::{AccountError, Share};

use super::authenticator::Authenticator;
use super::enrolment::Invited;
use super::*;
use crate::testing::platform_with;

/// How it is refused, and what is bent.
type Bent = (&'static str, fn(&mut Authenticator));

pub(super) fn code_of<T: std::fmt::Debug>(answer: Result<T, AccountError>) -> String {
    answer.unwrap_err().code().to_owned()
}

/// A phone with a passkey and a PIN, and what its shut vault leaves to the app.
pub(super) struct WithPasskey {
    pub(super) invited: Invited,
    pub(super) authenticator: Authenticator,
    pub(super) wallet: Wallet<Phone>,
    pub(super) locked: LockedPhone,
    pub(super) share: Option<Share>,
}

impl WithPasskey {
    pub(super) async fn new(prf: bool) -> WithPasskey {
        WithPasskey::with(Authenticator::new(), prf).await
    }

    pub(super) async fn with(mut authenticator: Authenticator, prf: bool) -> WithPasskey {
        let invited = Invited::new().await;
        let mut wallet = invited.proofed().await;
        let options = wallet.passkey_creation_options().await.unwrap().options;
        wallet.add_passkey(&authenticator.create(&options), prf).await.unwrap();
        let enrolled = wallet.register(&pin(RIGHT)).await.unwrap();
        let locked = wallet.locked_phone().unwrap();
        WithPasskey { invited, authenticator, wallet, locked, share: enrolled.share }
    }

    async fn unlock(&mut self) -> Result<zeroize::Zeroizing<[u8; 32]>, AccountError> {
        let options = self.locked.share_options(&self.invited.phone).await?;
        let credential = self.authenticator.get(&options.options);
        self.locked.share(&self.invited.phone, &credential).await
    }
}

#[tokio::test]
async fn a_passkey_without_prf_secrets_gets_a_share_that_only_it_and_the_device_bring_back() {
    let mut phone = WithPasskey::new(false).await;
    let share = phone.share.clone().unwrap();
    assert_eq!(phone.wallet.passkey_evidence(), PasskeyEvidence::DeviceBoundUnattested);
    assert_eq!(phone.unlock().await.unwrap(), share.0, "the same share as at the registration");

    let options = phone.locked.share_options(&phone.invited.phone).await.unwrap();
    let credential = phone.authenticator.get(&options.options);
    let stranger = LockedPhone {
        device: wallet::state::Device {
            handle: KeyHandle(Secret::new(keys::encoding::b64url_encode(
                keys::SecretKey::generate().to_bytes().as_slice(),
            ))),
            public_key: phone.locked.device.public_key.clone(),
        },
        ..phone.locked.clone()
    };
    assert_eq!(code_of(stranger.share(&phone.invited.phone, &credential).await), "device_refused");
    assert_eq!(phone.locked.share(&phone.invited.phone, &credential).await.unwrap(), share.0);
}

#[tokio::test]
async fn with_prf_secrets_the_server_has_no_share() {
    let mut phone = WithPasskey::new(true).await;
    assert!(phone.share.is_none());
    assert_eq!(code_of(phone.unlock().await), "no_share");
    let row = phone.invited.town.store.fetch_one("SELECT share FROM account_passkey", params![]).await;
    assert!(row.unwrap().opt_bytes("share").unwrap().is_none());
}

#[tokio::test]
async fn the_share_rests_sealed_for_its_account_and_credential() {
    let phone = WithPasskey::new(false).await;
    let store = &phone.invited.town.store;
    let row = store.fetch_one("SELECT account_id, credential_id, share FROM account_passkey", params![]);
    let row = row.await.unwrap();
    let (sealed, account) = (row.bytes("share").unwrap(), row.text("account_id").unwrap());
    let share = phone.share.clone().unwrap();
    assert!(!sealed.windows(32).any(|window| window == share.0.as_slice()));
    let place = |account: &str, credential: &str| format!("{account}|{credential}");
    let sealer = &phone.invited.town.sealer;
    let right = place(&account, &row.text("credential_id").unwrap());
    assert_eq!(
        sealer.open("account_passkey", "share", &right, &sealed).unwrap().as_slice(),
        share.0.as_slice()
    );
    assert!(sealer.open("account_passkey", "share", &place(&id::new(), "x"), &sealed).is_err());
}

#[tokio::test]
async fn a_phone_without_a_passkey_is_told_so() {
    let invited = Invited::new().await;
    let mut wallet = invited.proofed().await;
    let enrolled = wallet.register(&pin(RIGHT)).await.unwrap();
    assert!(enrolled.share.is_none());
    assert_eq!(wallet.passkey_evidence(), PasskeyEvidence::None);
    assert_eq!(code_of(wallet.passkey_options(PasskeyPurpose::Share).await), "no_passkey");
}

#[tokio::test]
async fn a_passkey_is_asked_for_after_the_proof_and_before_the_registration() {
    let invited = Invited::new().await;
    let mut wallet = invited.activated().await;
    assert_eq!(code_of(wallet.passkey_creation_options().await), "wrong_step");
    let (name, rrn) = invited.person();
    wallet.prove_identity(&name, &rrn).await.unwrap();
    assert_eq!(code_of(wallet.passkey_creation_options().await), "wrong_step");
    wallet.prove_phone(&invited.otp().await).await.unwrap();
    let options = wallet.passkey_creation_options().await.unwrap().options;
    let onboarding = wallet.state().onboarding.clone();
    wallet.register(&pin(RIGHT)).await.unwrap();
    // A second window of the same phone, still where it was before.
    let body = json!({ "credential": Authenticator::new().create(&options), "prf": true });
    let request = Request::json_bytes(
        "http://localhost:8600/wallet/v1/passkey/register",
        body.to_string().into_bytes(),
    )
    .header("authorization", format!("Bearer {}", &*onboarding.unwrap().token));
    let response = invited.phone.net.send(request).await.unwrap();
    assert_eq!(response.status, 409);
}

#[tokio::test]
async fn the_options_ask_for_a_verified_user_and_a_passkey_of_this_phone() {
    let invited = Invited::new().await;
    let wallet = invited.proofed().await;
    let options = wallet.passkey_creation_options().await.unwrap().options;
    assert_eq!(options["rp"]["id"], "localhost");
    assert_eq!(options["authenticatorSelection"]["authenticatorAttachment"], "platform");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["attestation"], "direct");
    assert_eq!(options["pubKeyCredParams"], json!([{ "type": "public-key", "alg": -7 }]));
    assert!(keys::encoding::b64url_decode(options["challenge"].as_str().unwrap()).unwrap().len() >= 16);
    let again = wallet.passkey_creation_options().await.unwrap().options;
    assert_ne!(again["challenge"], options["challenge"]);
    assert_eq!(again["user"], options["user"], "a repeated creation replaces the passkey on the phone");
}

#[tokio::test]
async fn each_bent_passkey_is_refused_for_its_own_reason() {
    let invited = Invited::new().await;
    let mut wallet = invited.proofed().await;
    let bent: [Bent; 4] = [
        ("passkey_origin", |a| a.origin = "http://localhost:8601".into()),
        ("passkey_origin", |a| a.rp_id = "elsewhere.example".into()),
        ("passkey_origin", |a| a.cross_origin = true),
        ("passkey_not_verified", |a| a.user_verified = false),
    ];
    for (code, bend) in bent {
        let options = wallet.passkey_creation_options().await.unwrap().options;
        let mut authenticator = Authenticator::new();
        bend(&mut authenticator);
        assert_eq!(code_of(wallet.add_passkey(&authenticator.create(&options), true).await), code);
    }
    let options = wallet.passkey_creation_options().await.unwrap().options;
    let mut authenticator = Authenticator::new();
    let mut other_id = authenticator.create(&options);
    other_id["id"] = json!("AAAA");
    assert_eq!(code_of(wallet.add_passkey(&other_id, true).await), "malformed");
    let used = authenticator.get(&options);
    let mut swapped = authenticator.create(&options);
    swapped["response"]["clientDataJSON"] = used["response"]["clientDataJSON"].clone();
    assert_eq!(code_of(wallet.add_passkey(&swapped, true).await), "malformed");
    let mut cut = authenticator.create(&options);
    cut["response"]["attestationObject"] = json!("o2NmbXRkbm9uZQ");
    assert_eq!(code_of(wallet.add_passkey(&cut, true).await), "malformed");
    let right = authenticator.create(&options);
    wallet.add_passkey(&right, true).await.unwrap();
    assert_eq!(code_of(wallet.add_passkey(&right, true).await), "passkey_challenge", "replayed");
    invited.town.clock.advance_ms(5 * 60_000);
    let late = authenticator.create(&options);
    assert_eq!(code_of(wallet.add_passkey(&late, true).await), "passkey_challenge", "too late");
}

#[tokio::test]
async fn evidence_is_what_was_verified_and_nothing_more() {
    let (maker, other) = (keys::SecretKey::generate(), keys::SecretKey::generate());
    let now_s = crate::testing::BEGINNING_MS / 1_000;
    let (from, to) = (now_s - 60, now_s + 86_400);
    let root = x509::root(&maker, "Example Authenticators", from, to).unwrap();
    let model = keys::SecretKey::generate();
    let profile = Profile {
        country: None,
        cn: "Example Model".into(),
        dns: Vec::new(),
        uri: Vec::new(),
        kind: Kind::WalletAttestation,
    };
    let leaf_of = |signer: &keys::SecretKey, root: &x509::Certificate| {
        let serial = x509::random_serial();
        x509::issue(root, signer, model.public_key(), &profile, from, to, serial).unwrap().der().to_vec()
    };
    let trusted = leaf_of(&maker, &root);
    let stray = leaf_of(&other, &x509::root(&other, "Example Others", from, to).unwrap());

    let file = std::env::temp_dir().join(format!("mapae-roots-{}.pem", id::new()));
    let pem = keys::encoding::b64_encode(root.der());
    std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n"))
        .unwrap();
    let platform = platform_with(|config| config.account.attestation_roots = file.clone()).await;
    assert!(crate::account::check(&platform.config).is_ok());
    let onboarding = id::new();
    let judge = |make: &dyn Fn(&mut Authenticator, &Value) -> Value, synced: bool| {
        let (challenge, _) = crate::account::passkey::testing::challenge(&platform, &onboarding);
        let mut authenticator = Authenticator::new();
        authenticator.synced = synced;
        let options = json!({ "challenge": challenge, "user": { "id": "AA" } });
        let created = make(&mut authenticator, &options);
        crate::account::passkey::testing::evidence(&platform, &onboarding, &created)
    };
    use PasskeyEvidence as E;
    assert_eq!(judge(&|a, o| a.create(o), false), Ok(E::DeviceBoundUnattested));
    assert_eq!(judge(&|a, o| a.create(o), true), Ok(E::Synced));
    assert_eq!(judge(&|a, o| a.create_packed(o, None, &[]), false), Ok(E::DeviceBoundUnattested));
    let vouched = [trusted];
    assert_eq!(judge(&|a, o| a.create_packed(o, Some(&model), &vouched), false), Ok(E::DeviceBoundAttested));
    assert_eq!(judge(&|a, o| a.create_packed(o, Some(&model), &vouched), true), Ok(E::Synced));
    assert_eq!(
        judge(&|a, o| a.create_packed(o, Some(&model), std::slice::from_ref(&stray)), false),
        Ok(E::DeviceBoundUnattested)
    );
    assert!(judge(&|a, o| a.create_packed(o, Some(&other), &vouched), false).is_err(), "another key signed");
    assert!(judge(&|a, o| a.create_packed(o, Some(&other), &[]), false).is_err(), "not by itself");
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_wrong_bent_or_replayed_assertion_opens_nothing() {
    let mut phone = WithPasskey::new(false).await;
    let shell = phone.invited.phone.clone();
    let bent: [Bent; 5] = [
        ("passkey_origin", |a| a.origin = "https://localhost:8600".into()),
        ("passkey_origin", |a| a.rp_id = "elsewhere.example".into()),
        ("passkey_not_verified", |a| a.user_verified = false),
        ("passkey_unknown", |a| a.synced = true),
        ("passkey_refused", |a| *a = Authenticator::new().pretending_to_be(a)),
    ];
    for (code, bend) in bent {
        let options = phone.locked.share_options(&shell).await.unwrap();
        let mut copy = phone.authenticator.copy();
        bend(&mut copy);
        let answer = phone.locked.share(&shell, &copy.get(&options.options)).await;
        assert_eq!(code_of(answer), code);
    }
    let options = phone.locked.share_options(&shell).await.unwrap();
    let unknown = Authenticator::new().get(&options.options);
    assert_eq!(code_of(phone.locked.share(&shell, &unknown).await), "passkey_unknown");

    let other_purpose = phone.wallet.passkey_options(PasskeyPurpose::ForgottenPin).await.unwrap();
    let for_another = phone.authenticator.get(&other_purpose.options);
    assert_eq!(code_of(phone.locked.share(&shell, &for_another).await), "passkey_challenge");

    let credential = phone.authenticator.get(&options.options);
    phone.locked.share(&shell, &credential).await.unwrap();
    assert_eq!(code_of(phone.locked.share(&shell, &credential).await), "passkey_challenge", "replayed");
    let old = phone.locked.share_options(&shell).await.unwrap();
    let old = phone.authenticator.get(&old.options);
    phone.invited.town.clock.advance_ms(5 * 60_000);
    assert_eq!(code_of(phone.locked.share(&shell, &old).await), "passkey_challenge", "too late");
}

#[tokio::test]
async fn anothers_passkey_opens_nothing() {
    let mut phone = WithPasskey::new(false).await;
    let platform = &phone.invited.town;
    let mine = phone.wallet.state().account.as_ref().unwrap().id.clone();
    // The passkey becomes somebody else's: the account has none, and its own challenge does not help the other.
    let options = phone.locked.share_options(&phone.invited.phone).await.unwrap();
    let other = id::new();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE account_passkey SET account_id = $2 WHERE account_id = $1";
                tx.execute(sql, params![mine, other]).await
            })
        })
        .await
        .unwrap();
    let credential = phone.authenticator.get(&options.options);
    assert_eq!(code_of(phone.locked.share(&phone.invited.phone, &credential).await), "passkey_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_racing_uses_of_one_assertion_one_gets_the_share() {
    let mut phone = WithPasskey::new(false).await;
    let options = phone.locked.share_options(&phone.invited.phone).await.unwrap();
    let credential = phone.authenticator.get(&options.options);
    let racers = (0..64).map(|_| {
        let (locked, shell, credential) =
            (phone.locked.clone(), phone.invited.phone.clone(), credential.clone());
        tokio::spawn(async move { locked.share(&shell, &credential).await.is_ok() })
    });
    let won =
        futures::future::join_all(racers).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_suspended_or_ended_account_gets_no_share_even_for_an_assertion_made_before() {
    let mut phone = WithPasskey::new(false).await;
    let account = phone.locked.account.clone();
    let store = &phone.invited.town.store;
    let change = |end: bool, suspend: bool| {
        let account = account.clone();
        store.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                match (end, suspend) {
                    (true, _) => crate::account::end(tx, &account).await,
                    (_, true) => crate::account::suspend(tx, &account).await,
                    _ => crate::account::resume(tx, &account).await,
                }
            })
        })
    };
    let options = phone.locked.share_options(&phone.invited.phone).await.unwrap();
    let before = phone.authenticator.get(&options.options);
    change(false, true).await.unwrap();
    assert_eq!(code_of(phone.locked.share(&phone.invited.phone, &before).await), "account_suspended");
    change(false, false).await.unwrap();
    phone.locked.share(&phone.invited.phone, &before).await.unwrap();
    change(true, false).await.unwrap();
    assert_eq!(code_of(phone.locked.share_options(&phone.invited.phone).await), "no_passkey");
    let left = store.fetch_all("SELECT id FROM account_passkey", params![]).await.unwrap();
    assert!(left.is_empty(), "the share went with the account");
}

#[tokio::test]
async fn a_locked_account_still_opens_its_vault_and_shows_what_to_do() {
    let mut phone = WithPasskey::new(false).await;
    for _ in 0..5 {
        phone.wallet.check_pin(&pin(WRONG)).await.unwrap_err();
    }
    assert_eq!(phone.locked.status(&phone.invited.phone).await.unwrap().state, AccountState::Locked);
    phone.unlock().await.unwrap();
}

#[tokio::test]
async fn the_share_is_given_sixty_times_an_hour_and_no_more() {
    let mut phone = WithPasskey::new(false).await;
    for _ in 0..60 {
        phone.unlock().await.unwrap();
    }
    assert_eq!(code_of(phone.unlock().await), "passkey_too_many");
    phone.invited.town.clock.advance_ms(60 * 60_000);
    phone.unlock().await.unwrap();
}

#[tokio::test]
async fn a_counter_that_goes_back_gives_a_copied_passkey_away() {
    let mut authenticator = Authenticator::new();
    authenticator.counter = 7;
    let mut phone = WithPasskey::with(authenticator, false).await;
    let mut copy = phone.authenticator.copy();
    phone.unlock().await.unwrap();
    let options = phone.locked.share_options(&phone.invited.phone).await.unwrap();
    let late = copy.get(&options.options);
    assert_eq!(code_of(phone.locked.share(&phone.invited.phone, &late).await), "passkey_counter");
    phone.unlock().await.unwrap();
}

#[tokio::test]
async fn a_registration_whose_reply_was_lost_gives_a_share_that_works() {
    let invited = Invited::new().await;
    let mut authenticator = Authenticator::new();
    let mut wallet = invited.proofed().await;
    let options = wallet.passkey_creation_options().await.unwrap().options;
    wallet.add_passkey(&authenticator.create(&options), false).await.unwrap();
    invited.phone.net.fault.plan(0, Break::ReplyLost);
    assert!(wallet.register(&pin(RIGHT)).await.is_err());
    let share = wallet.register(&pin(RIGHT)).await.unwrap().share.unwrap();
    let locked = wallet.locked_phone().unwrap();
    let options = locked.share_options(&invited.phone).await.unwrap();
    assert_eq!(locked.share(&invited.phone, &authenticator.get(&options.options)).await.unwrap(), share.0);
}
