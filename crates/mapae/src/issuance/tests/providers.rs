//! Wallet providers of others: listed by their roots, trusted for wallets and for keys.

use keys::SecretKey;
use keys::x509::{self, Certificate, Kind, Profile};
use openid::attestation::{self, Claims, Confirmation, Pop};
use openid::vci::{CredentialRequest, KeyAttestation, Proofs, Target};

use super::browser::{Asking, town};
use super::holder::{Holder, credentials_of, holder_keys, wallet_offer};
use crate::application::tests::OFFICIAL;
use crate::application::tests::doors::{get, send, sign_in};
use crate::issuance::{self, AttestationPolicy, Settings};
use crate::operations::Config;
use crate::testing::{self, BEGINNING_MS};

const NOW: i64 = BEGINNING_MS / 1000;
const DAY: i64 = 86_400;

/// A wallet provider of another maker.
struct Provider {
    root: Certificate,
    key: SecretKey,
    chain: Vec<Vec<u8>>,
}

impl Provider {
    fn new() -> Self {
        Self::until(NOW + 300 * DAY)
    }

    fn until(until: i64) -> Self {
        let (root_key, key) = (SecretKey::generate(), SecretKey::generate());
        let root = x509::root(&root_key, "예시 지갑 제공자", NOW - DAY, NOW + 1000 * DAY).unwrap();
        let profile = Profile {
            country: None,
            cn: "예시 지갑".to_owned(),
            dns: Vec::new(),
            uri: Vec::new(),
            kind: Kind::WalletAttestation,
        };
        let serial = x509::random_serial();
        let leaf =
            x509::issue(&root, &root_key, key.public_key(), &profile, NOW - DAY, until, serial).unwrap();
        Self { chain: vec![leaf.der().to_vec()], root, key }
    }

    fn claims(&self, instance: &SecretKey) -> Claims {
        Claims {
            iss: None,
            sub: "https://wallet.example".to_owned(),
            iat: Some(NOW),
            nbf: None,
            exp: NOW + 3_600,
            cnf: Confirmation { jwk: instance.public_key().to_jwk() },
            wallet_name: Some("예시 지갑".to_owned()),
            wallet_link: None,
            status: None,
        }
    }

    fn attest(&self, claims: &impl serde::Serialize) -> String {
        let header = keys::jws::Header::es256(attestation::TYP).with_x5c(self.chain.clone());
        let input = keys::jws::SigningInput::new(&header, &serde_json::to_vec(claims).unwrap());
        let signature = keys::Signer::sign(&self.key, input.as_bytes()).unwrap();
        input.finish(&signature)
    }

    fn listed(&self, config: &mut Config) {
        let file = std::env::temp_dir().join(format!("mapae-providers-{}.pem", crate::operations::id::new()));
        std::fs::write(&file, pem(self.root.der())).unwrap();
        config.issuance.wallet_providers = file;
        config.issuance.wallet_attestation = AttestationPolicy::Required;
    }
}

fn pem(der: &[u8]) -> String {
    let text = keys::encoding::b64_encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn pop(instance: &SecretKey, audience: &str) -> String {
    let jti = keys::random::token();
    let client_id = "https://wallet.example";
    Pop { client_id, audience, challenge: None, jti: &jti, now: NOW }.prove(instance).unwrap()
}

#[tokio::test]
async fn a_listed_provider_vouches_for_its_wallets_and_every_fault_is_refused_for_its_own_reason() {
    let provider = Provider::new();
    let town = town(|config| provider.listed(config)).await;
    town.approved(OFFICIAL).await;
    let asking = Asking::new(&town).await.with("client_id", Some("https://wallet.example"));
    let origin = asking.wallet.origin();
    let instance = SecretKey::generate();
    let good = provider.attest(&provider.claims(&instance));
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut claims = serde_json::to_value(provider.claims(&instance)).unwrap();
        change(&mut claims);
        provider.attest(&claims)
    };
    let stranger = Provider::new();
    let ended = Provider::until(NOW - 1);
    let code = "invalid_client_attestation";
    let wrong = [
        ("no attestation", None, Some(pop(&instance, &origin)), "invalid_client", "missing"),
        ("no proof", Some(good.clone()), None, code, "proof of possession is missing"),
        (
            "bad signature",
            Some(format!("{}AAAA", &good[..good.len() - 4])),
            Some(pop(&instance, &origin)),
            code,
            "signature is wrong",
        ),
        (
            "expired",
            Some(with(&|claims| claims["exp"] = (NOW - 1).into())),
            Some(pop(&instance, &origin)),
            code,
            "expired",
        ),
        (
            "without sub",
            Some(with(&|claims| drop(claims.as_object_mut().unwrap().remove("sub")))),
            Some(pop(&instance, &origin)),
            code,
            "has no sub",
        ),
        (
            "for another client_id",
            Some(with(&|claims| claims["sub"] = "https://other.example".into())),
            Some(pop(&instance, &origin)),
            code,
            "another client_id",
        ),
        (
            "another audience",
            Some(good.clone()),
            Some(pop(&instance, "https://other.example")),
            code,
            "audience",
        ),
        (
            "a foreign key",
            Some(good.clone()),
            Some(pop(&SecretKey::generate(), &origin)),
            code,
            "by another key",
        ),
        (
            "an unlisted provider",
            Some(stranger.attest(&stranger.claims(&instance))),
            Some(pop(&instance, &origin)),
            code,
            "not trusted",
        ),
        (
            "a provider whose certificate has ended",
            Some(ended.attest(&ended.claims(&instance))),
            Some(pop(&instance, &origin)),
            code,
            "not trusted",
        ),
        (
            "no attestation but its proof",
            Some(pop(&instance, &origin)),
            Some(pop(&instance, &origin)),
            code,
            "typ",
        ),
    ];
    for (what, attestation, proof, expected, words) in wrong {
        let mut headers = Vec::new();
        headers.extend(attestation.as_deref().map(|text| (attestation::HEADER, text)));
        headers.extend(proof.as_deref().map(|text| (attestation::POP_HEADER, text)));
        let reply = asking.push_with(&headers).await;
        assert_eq!(reply.refusal(), (401, expected.to_owned()), "{what}");
        let told = reply.json()["error_description"].as_str().unwrap().to_owned();
        assert!(told.contains(words), "{what}: {told}");
    }

    // Everything right: the consent page names the wallet as its provider does.
    let proof = pop(&instance, &origin);
    let headers = [(attestation::HEADER, good.as_str()), (attestation::POP_HEADER, proof.as_str())];
    let reply = asking.push_with(&headers).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    let replayed = asking.push_with(&headers).await;
    assert_eq!(replayed.refusal(), (401, code.to_owned()), "the proof is used up");
    let request_uri = reply.json()["request_uri"].as_str().unwrap().to_owned();
    let query = openid::form::Form::default()
        .with("client_id", "https://wallet.example")
        .with("request_uri", &request_uri)
        .encode();
    let address = format!("/issuance/authorize?{query}");
    let cookie = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get(&address, &cookie)).await;
    assert!(page.body.contains("예시 지갑") && page.body.contains("제공자가 보증함"), "{}", page.body);

    // The code of a wallet that authenticated is redeemed by one that does.
    let location = super::browser::agree(&town, &cookie, &address).await;
    let code = super::browser::query_of(&location, "code").unwrap();
    let form = asking.token_form(&code);
    assert_eq!(asking.post_token(&form).await.refusal(), (401, "invalid_client".to_owned()));
}

#[tokio::test]
async fn a_listed_provider_vouches_for_keys_of_another_wallet() {
    let provider = Provider::new();
    let platform = testing::platform_with(|config| {
        provider.listed(config);
        config.issuance.wallet_attestation = AttestationPolicy::Accepted;
    })
    .await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&tx_code)).await;
    let keys = holder_keys(4);
    let nonce = wallet.c_nonce().await;
    let attested = |provider: &Provider, change: &dyn Fn(&mut KeyAttestation)| {
        let mut attestation = KeyAttestation {
            iss: None,
            iat: NOW,
            exp: Some(NOW + 300),
            attested_keys: keys.iter().map(|key| key.public_key().to_jwk()).collect(),
            key_storage: vec!["iso_18045_high".to_owned()],
            user_authentication: Vec::new(),
            certification: None,
            nonce: Some(nonce.clone()),
            status: None,
        };
        change(&mut attestation);
        attestation.sign(&provider.key, &provider.chain).unwrap()
    };
    let body = |attestation: String| {
        let target = Target::Configuration(issuance::BADGE.to_owned());
        CredentialRequest {
            target,
            proofs: Some(Proofs::Attestation(attestation)),
            response_encryption: None,
        }
        .to_json()
    };
    let good = attested(&provider, &|_| {});
    let wrong = [
        ("unlisted", attested(&Provider::new(), &|_| {}), "untrusted"),
        ("changed", format!("{}AAAA", &good[..good.len() - 4]), "signature"),
        ("expired", attested(&provider, &|it| it.exp = Some(NOW - 1)), "expired"),
        ("no nonce", attested(&provider, &|it| it.nonce = None), "no nonce"),
    ];
    for (what, attestation, words) in wrong {
        let dpop = wallet.dpop("/issuance/credential", Some(&token));
        let reply = wallet.post_credential(&token, Some(&dpop), body(attestation)).await;
        assert_eq!(reply.refusal(), (400, "invalid_proof".to_owned()), "{what}");
        assert!(
            reply.json()["error_description"].as_str().unwrap().contains(words),
            "{what}: {}",
            reply.json()
        );
    }
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    assert_eq!(credentials_of(&wallet.post_credential(&token, Some(&dpop), body(good)).await).len(), 4);
}

#[tokio::test]
async fn a_list_that_names_no_usable_root_stops_the_start_with_the_reason() {
    let folder = std::env::temp_dir().join(format!("mapae-providers-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("providers.pem");
    let settings = Settings { wallet_providers: file.clone(), ..Settings::default() };
    let told = || issuance::attesters::listed(&settings).unwrap_err().to_string();
    assert!(told().starts_with("issuance.wallet_providers"), "{}", told());
    std::fs::write(&file, "").unwrap();
    assert!(told().contains("no certificate in it"), "{}", told());
    std::fs::write(&file, pem(b"nonsense")).unwrap();
    assert!(told().contains("certificate 1"), "{}", told());
    std::fs::write(&file, pem(Provider::new().root.der())).unwrap();
    assert_eq!(issuance::attesters::listed(&settings).unwrap().len(), 1);
    std::fs::remove_dir_all(&folder).unwrap();
}
