use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use keys::x509::{Purpose, verify_chain};

use super::*;
use crate::operations::{Platform, StartError, kek};
use crate::testing::{self, TestClock};

async fn open(config: &crate::operations::Config) -> Result<Arc<Platform>, StartError> {
    Platform::open(config.clone(), Arc::new(TestClock::default())).await
}

#[tokio::test]
async fn the_first_start_makes_the_keys_and_the_next_one_finds_them() {
    let platform = testing::platform().await;
    let again = open(&platform.config).await.expect("second start");
    for name in KeyName::ALL.into_iter().filter(|name| *name != KeyName::OpRs256) {
        let (a, b) = (platform.keys.signer(name).expect("a"), again.keys.signer(name).expect("b"));
        assert_eq!(a.public_key(), b.public_key(), "{name:?}");
        assert_eq!(platform.keys.chain(name), again.keys.chain(name));
        let signature = a.sign(b"text").expect("signs");
        assert!(b.public_key().verify(b"text", &signature).is_ok());
    }
    assert_eq!(platform.keys.rsa().jwk(), again.keys.rsa().jwk());
    let mode = std::fs::metadata(&platform.config.keys.file).expect("key file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn every_certificate_leads_to_the_root_for_its_own_purpose_only() {
    let platform = testing::platform().await;
    let now = crate::testing::BEGINNING_MS / 1_000;
    let roots = [platform.keys.root().clone()];
    for (name, purpose, other) in [
        (KeyName::Issuer, Purpose::Issuer, Purpose::Verifier),
        (KeyName::Verifier, Purpose::Verifier, Purpose::Issuer),
        (KeyName::StatusList, Purpose::StatusList, Purpose::TrustList),
        (KeyName::TrustList, Purpose::TrustList, Purpose::StatusList),
    ] {
        let chain = platform.keys.chain(name);
        let leaf = verify_chain(&chain, &roots, now, purpose).expect("leads to the root");
        assert_eq!(leaf.public_key(), platform.keys.signer(name).expect("key").public_key());
        assert!(verify_chain(&chain, &roots, now, other).is_err(), "{name:?} does not serve as {other:?}");
    }
    let verifier = platform.keys.certificate(KeyName::Verifier).expect("certificate");
    assert_eq!(verifier.dns_names(), ["localhost"]);
}

#[tokio::test]
async fn a_key_file_that_others_can_read_is_refused_with_how_to_mend_it() {
    let platform = testing::platform().await;
    let file = &platform.config.keys.file;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o640)).expect("chmod");
    let text = open(&platform.config).await.expect_err("refused").to_string();
    assert!(text.contains("chmod 600") && text.contains("640"), "{text}");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    open(&platform.config).await.expect("mended");
}

#[tokio::test]
async fn a_missing_a_foreign_and_a_damaged_key_file_are_told_apart_and_nothing_is_made_anew() {
    let platform = testing::platform().await;
    let mut config = platform.config.clone();
    config.keys.file = platform.config.keys.file.with_extension("other");
    let missing = open(&config).await.expect_err("missing");
    assert!(matches!(missing, StartError::Kek(kek::KekError::Missing { .. })), "{missing}");
    assert!(!config.keys.file.exists());

    kek::make(&config.keys.file).expect("a key file of another installation");
    let foreign = open(&config).await.expect_err("foreign");
    assert!(matches!(foreign, StartError::Keys(KeysError::WrongKek(_))), "{foreign}");

    std::fs::write(&config.keys.file, "mapae-kek-1:short\n").expect("write");
    let damaged = open(&config).await.expect_err("damaged");
    assert!(matches!(damaged, StartError::Kek(kek::KekError::Damaged { .. })), "{damaged}");
}

#[tokio::test]
async fn replicas_that_start_together_agree_on_every_key() {
    let url = testing::empty_store_url().await;
    let folder = std::env::temp_dir().join(format!("mapae-keys-{}", crate::operations::id::new()));
    let mut config = crate::operations::Config::default();
    config.store.url = url;
    config.keys.file = folder.join("mapae.key");
    kek::make(&config.keys.file).expect("the operator gives all replicas the same file");
    let starts = (0..3).map(|_| {
        let config = config.clone();
        tokio::spawn(async move { open(&config).await })
    });
    let started = futures::future::join_all(starts).await;
    let platforms: Vec<_> = started.into_iter().map(|start| start.expect("task").expect("started")).collect();
    let first = platforms.first().expect("three");
    for other in &platforms {
        assert_eq!(other.keys.root().der(), first.keys.root().der());
        assert_eq!(other.keys.chain(KeyName::Issuer), first.keys.chain(KeyName::Issuer));
        let sealed = other.sealer.seal("t", "c", "r", b"x");
        assert_eq!(first.sealer.open("t", "c", "r", &sealed).expect("opens").as_slice(), b"x");
    }
    std::fs::remove_dir_all(folder).expect("clean");
}
