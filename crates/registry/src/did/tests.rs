//! DIDs created, read at any version and time, rotated, deactivated; and those of others.

use std::sync::Arc;

use keys::{PublicKey, SecretKey};
use serde_json::Value;

use super::*;
use crate::client::Registry;
use crate::contract::{Code, call};
use crate::embedded::tests::{Ground, ground};
use crate::ledger::{Ledger, LedgerError, Pending};

const START: u64 = 1_790_000_000;

#[derive(Debug)]
struct Web;

impl WebFetch for Web {
    fn fetch<'a>(&'a self, host: &'a str, path: &'a str) -> Pending<'a, Fetched> {
        Box::pin(async move {
            match (host, path) {
                ("agency.example", "/ministry/did.json") => {
                    Ok(Fetched::Document(b"{\"id\":\"did:web:agency.example:ministry\"}".to_vec()))
                }
                ("agency.example", "/other/did.json") => {
                    Ok(Fetched::Document(b"{\"id\":\"did:web:evil\"}".to_vec()))
                }
                ("down.example", _) => Err(LedgerError::Unavailable("down".into())),
                ("foreign.example", _) => Ok(Fetched::Refused),
                _ => Ok(Fetched::NotFound),
            }
        })
    }
}

async fn resolver(ground: &Ground) -> Resolver {
    let ledger: Arc<dyn Ledger> = Arc::new(ground.chain.clone());
    let registry = Registry::open(ledger, ground.registry, Code::parse("test").unwrap()).await.unwrap();
    Resolver::new(registry, Arc::new(Web))
}

fn public(number: u8) -> PublicKey {
    SecretKey::from_bytes(&[number; 32]).unwrap().public_key().clone()
}

fn did() -> Did {
    Did::parse("did:mapae:test:9900001").unwrap()
}

fn document(keys: &[(u8, bool)]) -> Vec<u8> {
    let keys: Vec<_> =
        keys.iter().map(|(number, signs)| IssuerKey { key: public(*number), signs: *signs }).collect();
    let web = "did:web:agency.example:agencies:9900001";
    Document::of_agency(did(), &keys, Some(web), Some("https://agency.example")).to_bytes()
}

#[tokio::test]
async fn a_key_is_rotated_with_overlap_and_every_version_can_be_read() {
    let ground = ground().await;
    let (owner, to, agency) = (ground.sender(11), Some(ground.registry), did().agency);
    let resolver = resolver(&ground).await;
    assert_eq!(resolver.resolve(&did().to_string()).await.outcome, Err(ResolutionError::NotFound));
    let data = call::register_agency(agency, owner.address(), &document(&[(1, true)]));
    ground.registrar.act(to, data).await.unwrap();
    ground.time.advance(100);
    owner.act(to, call::update_document(agency, 2, &document(&[(1, true), (2, true)]))).await.unwrap();
    ground.time.advance(100);
    owner.act(to, call::update_document(agency, 3, &document(&[(1, false), (2, true)]))).await.unwrap();
    let signing = |resolution: &Resolution| -> Vec<String> {
        resolution.outcome.as_ref().unwrap().signing_keys().iter().map(|(_, key)| key.thumbprint()).collect()
    };
    let (old, new) = (public(1).thumbprint(), public(2).thumbprint());
    let name = did().to_string();
    let last = resolver.resolve(&name).await;
    assert_eq!(signing(&last), [new.as_str()]);
    assert!(
        last.outcome.unwrap().to_value().to_string().contains(&old),
        "what the old key signed can be checked"
    );
    let both = resolver.resolve(&format!("{name}?versionId=2")).await;
    assert_eq!(signing(&both), [old.clone(), new.clone()]);
    let metadata = Metadata {
        created: Some(START),
        updated: Some(START + 100),
        version_id: Some("2".into()),
        next_update: Some(START + 200),
        next_version_id: Some("3".into()),
        deactivated: false,
    };
    assert_eq!(both.metadata, metadata);
    let at = |seconds: u64| {
        let time = time::OffsetDateTime::from_unix_timestamp((START + seconds) as i64).unwrap();
        format!("{name}?versionTime={}", time.format(&time::format_description::well_known::Rfc3339).unwrap())
    };
    assert_eq!(signing(&resolver.resolve(&at(99)).await), [old]);
    assert_eq!(signing(&resolver.resolve(&at(200)).await), [new]);
    let before = format!("{name}?versionTime=2001-01-01T00:00:00Z");
    for (query, error) in [
        (format!("{name}?versionId=4"), ResolutionError::NotFound),
        (format!("{name}?versionId=02"), ResolutionError::NotFound),
        (before, ResolutionError::NotFound),
        (format!("{name}?versionTime=yesterday"), ResolutionError::InvalidOptions),
        (format!("{name}?versionId=1&versionId=2"), ResolutionError::InvalidOptions),
        (format!("{name}?hl=zQm"), ResolutionError::InvalidOptions),
        ("did:mapae:other:9900001".into(), ResolutionError::NotFound),
        ("did:mapae:test".into(), ResolutionError::InvalidDid),
        ("did:mapae:test:9900001/path".into(), ResolutionError::InvalidDid),
        ("did:ethr:0x01".into(), ResolutionError::MethodNotSupported),
        ("mapae".into(), ResolutionError::InvalidDid),
    ] {
        assert_eq!(resolver.resolve(&query).await.outcome, Err(error), "{query}");
    }
}

#[tokio::test]
async fn a_deactivated_did_has_no_key_but_keeps_its_past() {
    let ground = ground().await;
    let (owner, to, agency) = (ground.sender(11), Some(ground.registry), did().agency);
    let resolver = resolver(&ground).await;
    ground
        .registrar
        .act(to, call::register_agency(agency, owner.address(), &document(&[(1, true)])))
        .await
        .unwrap();
    resolver.resolve(&did().to_string()).await.outcome.unwrap();
    owner.act(to, call::deactivate_agency(agency)).await.unwrap();
    let gone = resolver.resolve(&did().to_string()).await;
    assert_eq!((gone.status(), gone.metadata.deactivated), (410, true));
    assert_eq!(gone.outcome.as_ref().unwrap().signing_keys(), []);
    let before = resolver.resolve(&format!("{}?versionId=1", did())).await;
    assert_eq!((before.status(), before.outcome.unwrap().signing_keys().len()), (200, 1));
}

#[tokio::test]
async fn a_document_of_another_did_or_with_a_member_twice_is_not_passed_on() {
    let ground = ground().await;
    let (owner, to) = (ground.sender(11), Some(ground.registry));
    let resolver = resolver(&ground).await;
    for (number, content) in [
        (1, "{\"id\":\"did:mapae:test:9900009\"}"),
        (2, "{\"id\":\"did:mapae:test:9900002\",\"id\":\"x\"}"),
        (3, "[]"),
    ] {
        let agency = Code::parse(&format!("990000{number}")).unwrap();
        ground
            .registrar
            .act(to, call::register_agency(agency, owner.address(), content.as_bytes()))
            .await
            .unwrap();
        let resolution = resolver.resolve(&format!("did:mapae:test:{agency}")).await;
        assert_eq!(resolution.outcome, Err(ResolutionError::InvalidDidDocument), "{content}");
    }
}

#[tokio::test]
async fn a_contract_of_others_or_of_another_network_is_not_our_registry() {
    let ground = ground().await;
    let ledger: Arc<dyn Ledger> = Arc::new(ground.chain.clone());
    let open = |address, network| Registry::open(Arc::clone(&ledger), address, Code::parse(network).unwrap());
    assert!(open(ground.registry, "test").await.is_ok());
    assert_eq!(open(ground.registry, "prod").await.unwrap_err(), LedgerError::NoRegistry(ground.registry));
    let members = [ground.registrar.address()];
    let council = crate::contract::deploy_council(&members, 1).unwrap();
    let council = ground.registrar.act(None, council).await.unwrap().created.unwrap();
    assert_eq!(open(council, "test").await.unwrap_err(), LedgerError::NoRegistry(council));
}

#[tokio::test]
async fn keys_that_are_their_own_names_are_resolved_without_asking_anybody() {
    let ground = ground().await;
    let resolver = resolver(&ground).await;
    for did in [jwk_did(&public(5)), key_did(&public(5))] {
        let resolution = resolver.resolve(&did).await;
        let keys = resolution.outcome.unwrap().signing_keys();
        assert_eq!(keys[0].1.thumbprint(), public(5).thumbprint(), "{did}");
    }
    // The vector of the did:key report for P-256.
    let known = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
    let keys = resolver.resolve(known).await.outcome.unwrap().signing_keys();
    assert_eq!(key_did(&keys[0].1), known);
    for bad in [
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2160",
        "did:jwk:e30",
        "did:jwk:!!",
    ] {
        assert_eq!(resolver.resolve(bad).await.outcome, Err(ResolutionError::InvalidDid), "{bad}");
    }
}

#[tokio::test]
async fn a_did_web_is_fetched_and_believed_only_for_itself() {
    let ground = ground().await;
    let resolver = resolver(&ground).await;
    for (did, status) in [
        ("did:web:agency.example:ministry", 200),
        ("did:web:agency.example:other", 500),
        ("did:web:agency.example", 404),
        ("did:web:down.example", 500),
        ("did:web:foreign.example", 501),
        ("did:web:127.0.0.1", 400),
        ("did:web:2130706433", 400),
        ("did:web:intranet", 400),
        ("did:web:agency.example:..:secret", 400),
        ("did:web:agency.example%3A99999", 400),
    ] {
        assert_eq!(resolver.resolve(did).await.status(), status, "{did}");
    }
    let address = web_address("did:web:localhost%3A8443:agencies:9900001").unwrap();
    assert_eq!(address, ("localhost:8443".into(), "/agencies/9900001/did.json".into()));
}

#[test]
fn a_document_has_one_form_and_its_mirror_names_itself() {
    let bytes = document(&[(1, true)]);
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.starts_with("{\"@context\":[") && !text.contains(": "), "{text}");
    let read = Document::parse(&did().to_string(), &bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    let mirror = read.mirrored(&did().to_string(), "did:web:agency.example:agencies:9900001").to_value();
    assert_eq!(mirror["id"], "did:web:agency.example:agencies:9900001");
    assert_eq!(mirror["alsoKnownAs"], serde_json::json!(["did:mapae:test:9900001"]));
    let method = mirror["verificationMethod"][0]["id"].as_str().unwrap();
    assert!(method.starts_with("did:web:agency.example:agencies:9900001#"));
    assert_eq!(mirror["assertionMethod"][0], Value::from(method));
}
