//! The wallet behind ports as a shell would write them, here in Rust.

use std::sync::{Arc, Mutex, OnceLock};

use keys::{SecretKey, Signer as _};

use crate::ports::{
    Clock, CreatedKey, CredentialKeys, DeviceSigner, HolderKeyUse, Http, HttpError, HttpRequest,
    HttpResponse, SecurityLevel, SignerError, Storage, StorageError,
};
use crate::shell::Ports;
use crate::{Wallet, WalletError, vault_hint};

const LINK: &str = "http://localhost:1/install#abcdefghijklmnop";
const ACTIVATED: &str = r#"{"token":"t","onboarding":"o","expires_at":1}"#;
const OTP_SENT: &str = r#"{"phone":"010-****-5678","expires_at":1}"#;

/// How the signer of a test behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Good,
    Declines,
    RawSignature,
    OtherKey,
}

struct Signer {
    manner: Manner,
    key: Mutex<Option<SecretKey>>,
}

impl DeviceSigner for Signer {
    fn create_key(&self) -> Result<Vec<u8>, SignerError> {
        let key = SecretKey::generate();
        let public = key.public_key().to_sec1().to_vec();
        *self.key.lock().unwrap() = Some(key);
        Ok(public)
    }

    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, SignerError> {
        let key = self.key.lock().unwrap();
        let key = key.as_ref().ok_or(SignerError::Missing)?;
        match self.manner {
            Manner::Good => Ok(key.sign(&message).unwrap().to_der()),
            Manner::Declines => Err(SignerError::Declined),
            Manner::RawSignature => Ok(key.sign(&message).unwrap().to_bytes().to_vec()),
            Manner::OtherKey => Ok(SecretKey::generate().sign(&message).unwrap().to_der()),
        }
    }

    fn delete_key(&self) -> Result<(), SignerError> {
        *self.key.lock().unwrap() = None;
        Ok(())
    }

    fn security_level(&self) -> SecurityLevel {
        SecurityLevel::SecureElement
    }
}

#[derive(Default)]
struct Place(Mutex<Option<Vec<u8>>>);

impl Storage for Place {
    fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&self, blob: Vec<u8>) -> Result<(), StorageError> {
        *self.0.lock().unwrap() = Some(blob);
        Ok(())
    }
}

/// Answers the enrolment; the registration gets what the test says. Notes what it was asked.
struct Server {
    register: (u16, &'static str),
    asked: Mutex<Vec<String>>,
}

impl Http for Server {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let path = request.url.rsplit('/').next().unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(path.clone());
        let (status, body) = match path.as_str() {
            "activate" => (200, ACTIVATED),
            "identity" => (200, OTP_SENT),
            "register" => self.register,
            _ => return Err(HttpError::Unreachable),
        };
        Ok(HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
    }
}

struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> i64 {
        1_795_392_000_000
    }
}

struct World {
    ports: Ports,
    server: Arc<Server>,
}

fn world(manner: Manner) -> World {
    world_answering(manner, (403, r#"{"code":"invitation_closed","detail":"초대가 끝났습니다."}"#))
}

fn world_answering(manner: Manner, register: (u16, &'static str)) -> World {
    let server = Arc::new(Server { register, asked: Mutex::default() });
    let ports = Ports {
        device: Arc::new(Signer { manner, key: Mutex::default() }),
        credential_keys: None,
        storage: Arc::new(Place::default()),
        http: server.clone(),
        clock: Arc::new(Noon),
    };
    World { ports, server }
}

/// A wallet that has only the first PIN before it.
fn before_the_pin(world: &World) -> Arc<Wallet> {
    let wallet = Wallet::create(world.ports.clone(), vec![7; 32], b"hint".to_vec()).unwrap();
    wallet.activate(LINK.into(), "12345678".into()).unwrap();
    wallet.prove_identity("예시".into(), "870314-9234567".into()).unwrap();
    wallet
}

#[test]
fn a_signer_that_declines_is_told_as_declined_and_nothing_is_registered() {
    let world = world(Manner::Declines);
    let error = before_the_pin(&world).register("482951".into()).unwrap_err();
    assert!(matches!(error, WalletError::Declined { .. }), "{error}");
    assert_eq!(error.code(), "key_declined");
    assert_eq!(*world.server.asked.lock().unwrap(), ["activate", "identity"]);
}

#[test]
fn a_signature_of_another_form_or_key_never_leaves_the_phone() {
    for manner in [Manner::RawSignature, Manner::OtherKey] {
        let world = world(manner);
        let error = before_the_pin(&world).register("482951".into()).unwrap_err();
        assert_eq!(error.code(), "device_key");
        assert_eq!(*world.server.asked.lock().unwrap(), ["activate", "identity"]);
    }
}

#[test]
fn the_servers_refusal_crosses_with_its_code_and_sentence() {
    let error = before_the_pin(&world(Manner::Good)).register("482951".into()).unwrap_err();
    let WalletError::Refused { code, detail, tries_left: None } = error else { panic!("{error}") };
    assert_eq!((code.as_str(), detail.as_str()), ("invitation_closed", "초대가 끝났습니다."));
}

#[test]
fn tries_left_cross_where_something_is_counted() {
    let answer = (403, r#"{"code":"otp_wrong","detail":"틀렸습니다.","tries_left":2}"#);
    let error = before_the_pin(&world_answering(Manner::Good, answer)).register("482951".into()).unwrap_err();
    assert!(matches!(error, WalletError::Refused { tries_left: Some(2), .. }), "{error}");
}

#[test]
fn an_unreachable_server_is_told_as_network() {
    let error = before_the_pin(&world(Manner::Good)).prove_phone("123456".into()).unwrap_err();
    assert!(matches!(&error, WalletError::Network { code, .. } if code == "unreachable"), "{error}");
}

#[test]
fn a_weak_pin_and_a_malformed_one_are_told_apart_before_anything_is_sent() {
    let world = world(Manner::Good);
    let wallet = before_the_pin(&world);
    assert_eq!(wallet.register("123456".into()).unwrap_err().code(), "pin_run");
    assert_eq!(wallet.register("12345".into()).unwrap_err().code(), "pin_form");
    assert_eq!(*world.server.asked.lock().unwrap(), ["activate", "identity"]);
}

#[test]
fn the_wallet_opens_again_with_its_key_only_and_tells_its_hint_without_one() {
    let world = world(Manner::Good);
    before_the_pin(&world);
    let blob = world.ports.storage.load().unwrap().unwrap();
    assert_eq!(vault_hint(blob).unwrap(), b"hint");
    let error = Wallet::open(world.ports.clone(), vec![8; 32]).unwrap_err();
    assert_eq!(error.code(), "vault_does_not_open");
    assert_eq!(Wallet::open(world.ports.clone(), vec![7; 31]).unwrap_err().code(), "vault_key_form");
    assert_eq!(
        Wallet::create(world.ports.clone(), vec![7; 32], Vec::new()).unwrap_err().code(),
        "vault_exists"
    );
    let wallet = Wallet::open(world.ports, vec![7; 32]).unwrap();
    assert!(wallet.status().unwrap().onboarding);
}

/// Where holder keys go, seen through the key store that the wallet uses.
mod holder_keys {
    use super::*;
    use crate::drive::drive;
    use crate::shell::NativeShell;
    use wallet::ports::{KeyError, KeyStore as _, KeyUse, Shell as _};

    struct Store(SecretKey);

    impl CredentialKeys for Store {
        fn create_key(&self, _: HolderKeyUse) -> Result<CreatedKey, SignerError> {
            Ok(CreatedKey { name: "a:b".into(), public_key: self.0.public_key().to_sec1().to_vec() })
        }

        fn sign(&self, name: String, message: Vec<u8>) -> Result<Vec<u8>, SignerError> {
            if name == "a:b" {
                Ok(self.0.sign(&message).unwrap().to_der())
            } else {
                Err(SignerError::Missing)
            }
        }

        fn delete_key(&self, _name: String) -> Result<(), SignerError> {
            Ok(())
        }

        fn security_level(&self) -> SecurityLevel {
            SecurityLevel::TrustedEnvironment
        }
    }

    #[test]
    fn a_shell_without_a_store_says_software_and_a_shell_with_one_signs_with_it() {
        let plain = world(Manner::Good).ports;
        let wallet = Wallet::create(plain.clone(), vec![7; 32], Vec::new()).unwrap();
        assert_eq!(wallet.security().device_key, SecurityLevel::SecureElement);
        assert_eq!(wallet.security().credential_keys, SecurityLevel::Software);

        let ports = Ports { credential_keys: Some(Arc::new(Store(SecretKey::generate()))), ..plain.clone() };
        assert_eq!(ports.credential_level(), SecurityLevel::TrustedEnvironment);
        let (with, without) = (NativeShell::new(ports), NativeShell::new(plain));
        let made = drive(with.keys().generate(KeyUse::Credential)).unwrap().unwrap();
        let signature = drive(with.keys().sign(&made.handle, b"m")).unwrap().unwrap();
        made.public_key.verify(b"m", &signature).unwrap();
        // The same vault under a shell that lost its store.
        assert_eq!(drive(without.keys().sign(&made.handle, b"m")).unwrap().unwrap_err(), KeyError::Missing);
    }

    #[test]
    fn a_software_key_goes_on_signing_when_the_shell_brings_a_store() {
        let plain = world(Manner::Good).ports;
        let without = NativeShell::new(plain.clone());
        let made = drive(without.keys().generate(KeyUse::Credential)).unwrap().unwrap();
        let ports = Ports { credential_keys: Some(Arc::new(Store(SecretKey::generate()))), ..plain };
        let with = NativeShell::new(ports);
        let signature = drive(with.keys().sign(&made.handle, b"m")).unwrap().unwrap();
        made.public_key.verify(b"m", &signature).unwrap();
    }
}

/// A clock that asks the wallet.
#[derive(Default)]
struct Nosy {
    wallet: OnceLock<Arc<Wallet>>,
    told: Mutex<Option<String>>,
}

impl Clock for Nosy {
    fn now_ms(&self) -> i64 {
        if let Some(wallet) = self.wallet.get() {
            let told = wallet.status().err().map(|error| error.code().to_owned());
            *self.told.lock().unwrap() = told;
        }
        1_795_392_000_000
    }
}

#[test]
fn a_port_that_calls_the_wallet_back_gets_an_error_and_no_deadlock() {
    let clock = Arc::new(Nosy::default());
    let ports = Ports { clock: clock.clone(), ..world(Manner::Good).ports };
    let wallet = Wallet::create(ports, vec![7; 32], Vec::new()).unwrap();
    assert!(clock.wallet.set(wallet.clone()).is_ok());
    wallet.status().unwrap();
    assert_eq!(clock.told.lock().unwrap().as_deref(), Some("wallet_busy"));
    wallet.status().unwrap();
}

#[test]
fn an_answer_beyond_the_bound_is_refused_whatever_the_shell_returns() {
    struct Endless;
    impl Http for Endless {
        fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
            let body = vec![b' '; usize::try_from(request.max_response).unwrap() + 1];
            Ok(HttpResponse { status: 200, headers: Vec::new(), body })
        }
    }
    let ports = Ports { http: Arc::new(Endless), ..world(Manner::Good).ports };
    let wallet = Wallet::create(ports, vec![7; 32], Vec::new()).unwrap();
    let error = wallet.activate(LINK.into(), "12345678".into()).unwrap_err();
    assert!(matches!(&error, WalletError::Refused { code, .. } if code == "http"), "{error}");
}
