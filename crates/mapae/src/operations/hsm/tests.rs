//! In a real token, where one is at hand: `MAPAE_TEST_HSM` names the module, `MAPAE_TEST_HSM_TOKEN` and
//! `MAPAE_TEST_HSM_PIN_FILE` the rest, as `cargo xtask interop hsm` sets them for SoftHSM. Elsewhere only what needs none.

use std::sync::Arc;

use keys::Signer as _;

use super::*;

fn settings() -> Option<config::Hsm> {
    let module = std::env::var_os("MAPAE_TEST_HSM")?;
    let token = std::env::var("MAPAE_TEST_HSM_TOKEN").ok()?;
    let pin_file = std::env::var_os("MAPAE_TEST_HSM_PIN_FILE")?.into();
    Some(config::Hsm { module: module.into(), token, pin_file, ..config::Hsm::default() })
}

#[test]
fn without_a_module_there_is_no_token_and_a_module_that_is_none_is_told_with_its_path() {
    assert!(Hsm::open(&config::Hsm::default()).expect("nothing to open").is_none());
    let folder = std::env::temp_dir().join(format!("mapae-hsm-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder).expect("folder");
    let pin_file = folder.join("pin");
    let mut settings = config::Hsm { module: folder.join("none.so"), pin_file, ..config::Hsm::default() };
    assert!(matches!(Hsm::open(&settings), Err(HsmError::Settings(_))), "no PIN file");
    std::fs::write(&settings.pin_file, "1234\n").expect("pin");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&settings.pin_file, open).expect("mode");
        assert!(matches!(Hsm::open(&settings), Err(HsmError::Settings(_))), "others can read the PIN");
        std::fs::set_permissions(&settings.pin_file, std::fs::Permissions::from_mode(0o600)).expect("mode");
    }
    settings.token = "none".into();
    let error = Hsm::open(&settings).expect_err("no module").to_string();
    assert!(error.contains("none.so"), "{error}");
    std::fs::remove_dir_all(folder).expect("clean");
}

#[test]
fn keys_are_made_inside_stay_inside_and_do_their_work() {
    let Some(settings) = settings() else { return };
    let hsm = Arc::new(Hsm::open(&settings).expect("answers").expect("set"));
    let key = TokenKey::generate(&hsm, "issuer").expect("made");
    let signature = key.sign(b"text").expect("signs");
    assert!(key.public_key().verify(b"text", &signature).is_ok());
    assert!(key.public_key().verify(b"other", &signature).is_err());
    let again = TokenKey::of_reference(&hsm, &key.reference()).expect("reference");
    assert!(key.public_key().verify(b"more", &again.sign(b"more").expect("signs")).is_ok());

    let number = hsm.add_seal_key(SealKind::Kek, None).expect("made");
    let sealed = hsm.seal(SealKind::Kek, number, b"place", b"secret").expect("sealed");
    assert!(is_token_sealed(&sealed) && sealed_with(&sealed) == Some(number));
    let opened = hsm.open_sealed(SealKind::Kek, b"place", &sealed).expect("opens");
    assert_eq!(opened.as_slice(), b"secret");
    assert!(hsm.open_sealed(SealKind::Kek, b"another", &sealed).is_err(), "moved elsewhere");
    assert!(hsm.open_sealed(SealKind::Pin, b"place", &sealed).is_err(), "for another purpose");
    let carried = hsm.add_seal_key(SealKind::Pin, Some(&[7; 32])).expect("carried in");
    hsm.seal(SealKind::Pin, carried, b"place", b"secret").expect("seals");

    let held = hsm.held().expect("listed");
    assert!(held.iter().all(|key| key.sensitive && !key.extractable), "{held:?}");
    let made_inside = |label: &str| held.iter().find(|key| key.label == label).is_some_and(|key| key.always);
    assert!(made_inside("mapae-issuer") && made_inside(&SealKind::Kek.name(number)));
    assert!(!made_inside(&SealKind::Pin.name(carried)), "what came from outside is told");
    again.destroy().expect("removed");
    assert!(key.sign(b"text").is_err(), "removed");
}

#[test]
fn sixteen_at_once_share_two_sessions() {
    let Some(settings) = settings() else { return };
    let settings = config::Hsm { sessions: 2, ..settings };
    let hsm = Arc::new(Hsm::open(&settings).expect("answers").expect("set"));
    let key = TokenKey::generate(&hsm, "verifier").expect("made");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let signature = key.sign(b"text").expect("signs");
                    assert!(key.public_key().verify(b"text", &signature).is_ok());
                }
            });
        }
    });
    key.destroy().expect("removed");
}
