//! Credentials of other issuers: a citizen's ID beside the badge.

use credential::path::ClaimPath;
use credential::sd_jwt::{self, Claims, Issuance, Issuer as SdIssuer, KeyBinding, SdJwt};
use credential::types::{Bilingual, Format};
use http::StatusCode;
use keys::x509::{self, Kind, Profile};
use keys::{SecretKey, Signer};
use serde_json::{Value, json};

use super::{answer, bind, binding, create, created, result};
use crate::login::tests::support::{NAME, World};
use crate::testing::BEGINNING_MS;
use crate::verification::cli;
use crate::verification::foreign::{self, Entry, EntryError, ForeignStatus, Issuer};

const NOW: i64 = BEGINNING_MS / 1_000;
const YEAR: i64 = 365 * 86_400;
const TYPE: &str = "https://id.example/types/citizen";

/// Another issuer, and somebody who holds its ID.
struct Citizen {
    root: Vec<u8>,
    issuer: SecretKey,
    chain: Vec<Vec<u8>>,
    holder: SecretKey,
}

impl Citizen {
    fn new() -> Citizen {
        let (root_key, issuer) = (SecretKey::generate(), SecretKey::generate());
        let root = x509::root(&root_key, "예시 시민 루트", NOW - YEAR, NOW + YEAR).unwrap();
        let profile = Profile {
            country: None,
            cn: "예시 시민증".to_owned(),
            dns: vec![],
            uri: vec![],
            kind: Kind::Issuer,
        };
        let serial = x509::random_serial();
        let leaf =
            x509::issue(&root, &root_key, issuer.public_key(), &profile, NOW - YEAR, NOW + YEAR, serial)
                .unwrap();
        Citizen {
            root: root.der().to_vec(),
            issuer,
            chain: vec![leaf.der().to_vec()],
            holder: SecretKey::generate(),
        }
    }

    fn entry(&self, status: ForeignStatus) -> Entry {
        Entry {
            format: Format::SdJwtVc,
            kind: TYPE.to_owned(),
            name: Bilingual { ko: "예시 시민증".to_owned(), en: "Example citizen ID".to_owned() },
            claims: vec![ClaimPath::claim("given_name"), ClaimPath::claim("address")],
            status,
            unbound: false,
            issuer: Issuer::Roots(vec![self.root.clone()]),
        }
    }

    fn id(&self) -> String {
        self.issued(TYPE, NOW + YEAR)
    }

    fn issued(&self, vct: &str, expires_at: i64) -> String {
        let mut claims = Claims::new();
        claims.selective("given_name", &json!("시민")).unwrap();
        claims.selective("address", &json!({ "locality": "세종" })).unwrap();
        let issuance = Issuance {
            issuer: &SdIssuer::new("https://id.example", "key-1", &self.chain),
            vct,
            claims: &claims,
            holder: self.holder.public_key(),
            status: None,
            issued_at: NOW - 86_400,
            expires_at,
        };
        sd_jwt::issue(&issuance, &self.issuer).unwrap()
    }
}

fn citizen_query() -> Value {
    json!({ "id": "citizen", "format": "dc+sd-jwt", "meta": { "vct_values": [TYPE] },
        "claims": [{ "path": ["given_name"] }, { "path": ["address", "locality"] }] })
}

fn badge_query(world: &World) -> Value {
    let vct = crate::verification::badge(&world.platform).unwrap().vct.clone();
    json!({ "id": "badge", "format": "dc+sd-jwt", "meta": { "vct_values": [vct] }, "claims": [{ "path": ["name"] }] })
}

async fn accept(world: &World, entry: Entry) {
    cli::accept(&world.platform, "portal", entry).await.unwrap();
}

#[tokio::test]
async fn a_badge_and_a_citizens_id_are_shown_together() {
    let (world, citizen) = (World::new().await, Citizen::new());
    let query = json!({ "dcql_query": { "credentials": [citizen_query(), badge_query(&world)] } });
    let unknown = create(&world, query.clone()).await;
    assert!(unknown.code().starts_with("verification_query"), "nobody registered it: {}", unknown.body);
    accept(&world, citizen.entry(ForeignStatus::IfNamed)).await;

    let created = created(&world, query).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let binding = binding(&world, &asked);
    let id = bind(&citizen.id(), &["given_name", "address"], &citizen.holder, &binding);
    let badge = bind(&world.phone.credential, &["name"], &world.phone.holder, &binding);
    let half = answer(&world, &asked, &[("badge", &badge)]).await;
    assert_eq!(half.code(), "presentation_refused: credential_missing");
    let swapped = answer(&world, &asked, &[("badge", &id), ("citizen", &badge)]).await;
    assert_eq!(swapped.code(), "presentation_refused: wrong_type");
    let reply = answer(&world, &asked, &[("citizen", &id), ("badge", &badge)]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);

    let told = result(&world, &created).await;
    let shown = &told["credentials"];
    assert_eq!((&shown[0]["query"], &shown[0]["type"]), (&json!("citizen"), &json!(TYPE)));
    assert_eq!(shown[0]["claims"], json!({ "given_name": "시민", "address": { "locality": "세종" } }));
    assert_eq!(shown[0]["issuer"]["name"], "예시 시민증");
    assert_eq!(shown[0]["freshness"]["status"], "absent");
    assert_eq!(shown[0]["waived"], json!(["absent_status"]));
    assert_eq!((&shown[1]["query"], &shown[1]["claims"]["name"]["ko"]), (&json!("badge"), &json!(NAME)));
    assert_eq!(shown[1]["freshness"]["status"], "valid");
    assert_eq!(told["claims"], shown[0]["claims"], "the first that was asked for");
}

#[tokio::test]
async fn another_issuers_credential_is_refused_for_its_own_reason() {
    let (world, citizen, stranger) = (World::new().await, Citizen::new(), Citizen::new());
    accept(&world, citizen.entry(ForeignStatus::IfNamed)).await;
    let created = created(&world, json!({ "dcql_query": { "credentials": [citizen_query()] } })).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let good = binding(&world, &asked);
    let claims = ["given_name", "address"];
    let show = |credential: &str, claims: &[&str], holder: &SecretKey, binding: &KeyBinding<'_>| {
        bind(credential, claims, holder, binding)
    };
    let another = KeyBinding { nonce: "another-nonce", ..good };
    let elsewhere = KeyBinding { audience: "x509_hash:other", ..good };
    let old = KeyBinding { issued_at: NOW - 3_600, ..good };
    for (presentation, reason) in [
        (show(&stranger.id(), &claims, &stranger.holder, &good), "issuer_chain"),
        (show(&citizen.issued(TYPE, NOW - 1), &claims, &citizen.holder, &good), "expired"),
        (
            show(
                &citizen.issued("https://id.example/types/other", NOW + 10),
                &claims,
                &citizen.holder,
                &good,
            ),
            "wrong_type",
        ),
        (show(&citizen.id(), &claims, &stranger.holder, &good), "holder_binding_signature"),
        (show(&citizen.id(), &claims, &citizen.holder, &another), "nonce"),
        (show(&citizen.id(), &claims, &citizen.holder, &elsewhere), "audience"),
        (show(&citizen.id(), &claims, &citizen.holder, &old), "holder_binding_time"),
        (show(&citizen.id(), &["given_name"], &citizen.holder, &good), "claim_missing"),
        (citizen.id(), "holder_binding_missing"),
    ] {
        let reply = answer(&world, &asked, &[("citizen", &presentation)]).await;
        assert_eq!(reply.code(), format!("presentation_refused: {reason}"));
    }
    // The strict rule: it has to name a status list.
    accept(&world, citizen.entry(ForeignStatus::Required)).await;
    let shown = show(&citizen.id(), &claims, &citizen.holder, &good);
    let reply = answer(&world, &asked, &[("citizen", &shown)]).await;
    assert_eq!(reply.code(), "presentation_refused: status_absent");
    // Taken away: the open request is judged by what is registered now.
    let unit = world
        .platform
        .store
        .write(|tx| Box::pin(async move { foreign::remove(tx, "portal", Format::SdJwtVc, TYPE).await }));
    unit.await.unwrap();
    let reply = answer(&world, &asked, &[("citizen", &shown)]).await;
    assert_eq!(reply.code(), "presentation_refused: wrong_type");
}

#[tokio::test]
async fn only_registered_claims_are_asked_for_and_holder_binding_is_waived_only_where_allowed() {
    let (world, citizen) = (World::new().await, Citizen::new());
    accept(&world, citizen.entry(ForeignStatus::Off)).await;
    let ask = |change: fn(&mut Value)| {
        let mut query = citizen_query();
        change(&mut query);
        json!({ "dcql_query": { "credentials": [query] } })
    };
    let claim = create(&world, ask(|query| query["claims"] = json!([{ "path": ["birth_date"] }]))).await;
    assert_eq!((claim.status, claim.code().as_str()), (StatusCode::FORBIDDEN, "verification_claim"));
    let unbound = ask(|query| query["require_cryptographic_holder_binding"] = false.into());
    assert!(create(&world, unbound.clone()).await.code().starts_with("verification_query"));
    accept(&world, Entry { unbound: true, ..citizen.entry(ForeignStatus::Off) }).await;
    let created = created(&world, unbound).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let paths = ["given_name", "address"].map(ClaimPath::claim);
    let bare = SdJwt::parse(&citizen.id()).unwrap().select(&paths).unwrap().as_str().to_owned();
    assert_eq!(answer(&world, &asked, &[("citizen", &bare)]).await.status, StatusCode::OK);
    let told = result(&world, &created).await;
    assert_eq!(told["credentials"][0]["waived"], json!(["holder_binding", "status"]));
}

#[tokio::test]
async fn several_ids_for_one_query_and_only_of_the_authority_that_was_asked_for() {
    let (world, citizen) = (World::new().await, Citizen::new());
    accept(&world, citizen.entry(ForeignStatus::Off)).await;
    let authority = credential::trust::authority_key_ids(&citizen.chain);
    let ask = |ids: &[String]| {
        let mut query = citizen_query();
        query["multiple"] = true.into();
        query["trusted_authorities"] = json!([{ "type": "aki", "values": ids }]);
        json!({ "dcql_query": { "credentials": [query] } })
    };
    for (ids, code) in [(vec!["AAAA".to_owned()], "presentation_refused: other_authority"), (authority, "")] {
        let created = created(&world, ask(&ids)).await;
        let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
        let show =
            || bind(&citizen.id(), &["given_name", "address"], &citizen.holder, &binding(&world, &asked));
        let reply = answer(&world, &asked, &[("citizen", &show()), ("citizen", &show())]).await;
        if code.is_empty() {
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
            assert_eq!(result(&world, &created).await["credentials"].as_array().unwrap().len(), 2);
        } else {
            assert_eq!(reply.code(), code);
        }
    }
}

#[tokio::test]
async fn an_issuer_known_by_a_did_is_believed_with_the_keys_it_had() {
    let (world, citizen) = (World::new().await, Citizen::new());
    let did = registry::did::jwk_did(citizen.issuer.public_key());
    let issuer = foreign::resolve(&world.platform, &did).await.unwrap();
    accept(&world, Entry { issuer, ..citizen.entry(ForeignStatus::Off) }).await;
    let created = created(&world, json!({ "dcql_query": { "credentials": [citizen_query()] } })).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let signed = |by: &SecretKey, kid: &str| {
        let jwk = citizen.holder.public_key().to_jwk().to_value();
        let payload = json!({ "iss": did, "vct": TYPE, "iat": NOW, "exp": NOW + 60, "cnf": { "jwk": jwk },
            "given_name": "시민", "address": { "locality": "세종" } });
        let header = keys::jws::Header::es256(sd_jwt::TYP).with_kid(kid);
        let token = format!("{}~", keys::jws::sign(by, &header, payload.to_string().as_bytes()).unwrap());
        let bound = SdJwt::parse(&token).unwrap().select(&[]).unwrap().key_binding(&binding(&world, &asked));
        let signature = citizen.holder.sign(bound.as_bytes()).unwrap();
        bound.finish(&signature)
    };
    let kid = format!("{did}#0");
    let forged = answer(&world, &asked, &[("citizen", &signed(&SecretKey::generate(), &kid))]).await;
    assert_eq!(forged.code(), "presentation_refused: issuer_signature");
    let nameless = answer(&world, &asked, &[("citizen", &signed(&citizen.issuer, "did:jwk:other#0"))]).await;
    assert_eq!(nameless.code(), "presentation_refused: issuer_chain");
    let reply = answer(&world, &asked, &[("citizen", &signed(&citizen.issuer, &kid))]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(result(&world, &created).await["issuer"]["id"], json!(did));
}

#[tokio::test]
async fn an_entry_that_makes_no_sense_is_refused() {
    let (world, citizen) = (World::new().await, Citizen::new());
    let badge: Vec<String> =
        crate::verification::badge(&world.platform).unwrap().type_names().map(str::to_owned).collect();
    let put = |party: &str, entry: Entry| {
        let (party, badge) = (party.to_owned(), badge.clone());
        let unit = world
            .platform
            .store
            .write(move |tx| Box::pin(async move { foreign::put(tx, &party, &entry, &badge).await }));
        async move { unit.await.unwrap_err() }
    };
    let entry = || citizen.entry(ForeignStatus::Required);
    assert!(matches!(put("nobody", entry()).await, EntryError::Party));
    assert!(matches!(put("portal", Entry { kind: badge[0].clone(), ..entry() }).await, EntryError::Badge));
    assert!(matches!(put("portal", Entry { kind: String::new(), ..entry() }).await, EntryError::Text));
    assert!(matches!(put("portal", Entry { claims: vec![], ..entry() }).await, EntryError::Claims));
    let mdoc = Entry { format: Format::Mdoc, ..entry() };
    assert!(matches!(put("portal", mdoc).await, EntryError::Claims), "an element without a namespace");
    for roots in [vec![], vec![b"no certificate".to_vec()], vec![citizen.chain[0].clone()]] {
        let entry = Entry { issuer: Issuer::Roots(roots), ..entry() };
        assert!(matches!(put("portal", entry).await, EntryError::Roots(_)));
    }
    let keyless = Entry { issuer: Issuer::Did("did:web:a.example".to_owned(), vec![]), ..entry() };
    assert!(matches!(put("portal", keyless).await, EntryError::Did(_)));
    assert!(matches!(
        foreign::resolve(&world.platform, "did:web:evil.example").await,
        Err(EntryError::Did(_))
    ));
}
