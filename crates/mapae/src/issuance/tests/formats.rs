//! One badge in two formats: as SD-JWT VC and as mobile document, under one token, each once.

use std::collections::HashSet;

use credential::mdoc::{self, IssuerSigned};
use credential::verify::{AcceptedTypes, ChainCache};
use futures::future::join_all;
use keys::encoding::b64url_decode;

use super::holder::{Holder, Reply, credentials_of, holder_keys, status_of, wallet_offer};
use crate::issuance::{BADGE, BADGE_MDOC};
use crate::lifecycle::{self, Badge, By, ChangeError, Reason, local_trust};
use crate::testing::{self, TestPlatform};

async fn ready(platform: &TestPlatform) -> (Holder, String, String) {
    let employee = platform.people(1).await.remove(0);
    let (offer, code) = wallet_offer(platform, &employee).await;
    let mut wallet = Holder::new(platform);
    let held = wallet.fetch(&offer).await;
    assert_eq!(held.credential_configuration_ids, [BADGE, BADGE_MDOC]);
    let token = wallet.access_token(&held, Some(&code)).await;
    (wallet, token, employee)
}

fn document(text: &str) -> IssuerSigned {
    IssuerSigned::parse(&b64url_decode(text).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_yields_one_batch_in_each_format_of_the_same_badge() {
    let platform = testing::platform().await;
    let (mut wallet, token, employee) = ready(&platform).await;
    // In either order: the documents come first here.
    let keys = holder_keys(5);
    let reply = wallet.credentials_as(BADGE_MDOC, &token, &keys).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let documents = credentials_of(&reply);
    let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!(badge.copy_next, 5);
    let tokens = credentials_of(&wallet.credentials(&token, &holder_keys(20)).await);
    let now = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!((now.id, now.copy_next), (badge.id, 25), "one badge, and its copies are counted together");

    let trust = local_trust(&platform).await.unwrap();
    let types = AcceptedTypes::OneOf(vec!["io.mapae.badge.1".into()]);
    let now = platform.now_ms() / 1000;
    for (text, key) in documents.iter().zip(&keys) {
        let bytes = b64url_decode(text).unwrap();
        let chains = ChainCache::new(1);
        let verified =
            mdoc::verify_received(&bytes, key.public_key(), &types, &*trust, &chains, now).unwrap();
        let told = &verified.claims["io.mapae.badge.1"];
        assert!(told["name"]["ko"].is_string() && told["is_serving"] == true);
        assert!(told.get("link_id").is_none(), "what is for the login provider alone is in no document");
    }
    let place = |document: IssuerSigned| {
        let status = document.dangerous_status().unwrap();
        (status.uri.clone(), status.index)
    };
    let mut places: HashSet<_> = tokens.iter().map(|token| status_of(token)).collect();
    places.extend(documents.iter().map(|text| place(document(text))));
    assert_eq!(places.len(), 25, "no place on a status list twice");

    for configuration in [BADGE, BADGE_MDOC] {
        let again = wallet.credentials_as(configuration, &token, &holder_keys(1)).await;
        assert_eq!(again.refusal(), (401, "invalid_token".to_owned()), "{configuration}");
    }
    let unknown = wallet.credentials_as("badge-ldp", &token, &holder_keys(1)).await;
    assert_eq!(unknown.refusal(), (400, "unknown_credential_configuration".to_owned()));
}

/// Every piece of a credential that two holders of copies could compare: each value of the JSON and CBOR parts, by itself.
fn pieces(value: &serde_json::Value, out: &mut HashSet<String>) {
    match value {
        serde_json::Value::Object(members) => members.values().for_each(|value| pieces(value, out)),
        serde_json::Value::Array(items) => items.iter().for_each(|value| pieces(value, out)),
        plain => drop(out.insert(plain.to_string())),
    }
}

fn pieces_of_cbor(value: &ciborium::Value, out: &mut HashSet<String>) {
    match value {
        ciborium::Value::Map(members) => members.iter().for_each(|(key, value)| {
            pieces_of_cbor(key, out);
            pieces_of_cbor(value, out);
        }),
        ciborium::Value::Array(items) => items.iter().for_each(|value| pieces_of_cbor(value, out)),
        ciborium::Value::Tag(_, inner) => pieces_of_cbor(inner, out),
        // A structure of its own inside (tag 24), or bytes.
        ciborium::Value::Bytes(bytes) => {
            match ciborium::from_reader::<ciborium::Value, _>(bytes.as_slice()) {
                Ok(inner @ (ciborium::Value::Map(_) | ciborium::Value::Array(_))) => {
                    pieces_of_cbor(&inner, out)
                }
                _ => drop(out.insert(keys::encoding::b64url_encode(bytes))),
            }
        }
        plain => drop(out.insert(format!("{plain:?}"))),
    }
}

#[tokio::test]
async fn two_verifiers_who_put_everything_together_find_issuer_list_and_dates_and_nothing_else_of_a_badge() {
    let platform = testing::platform().await;
    let (mut wallet, token, _) = ready(&platform).await;
    let tokens = credentials_of(&wallet.credentials(&token, &holder_keys(2)).await);
    let documents = credentials_of(&wallet.credentials_as(BADGE_MDOC, &token, &holder_keys(2)).await);

    let of_token = |text: &String| {
        let mut found = HashSet::new();
        // What a verifier gets at least: nothing disclosed, so the signed part alone.
        for part in text.split('~').next().unwrap().split('.').take(2) {
            pieces(&serde_json::from_slice(&b64url_decode(part).unwrap()).unwrap(), &mut found);
        }
        found.insert(text.split('~').next().unwrap().rsplit('.').next().unwrap().to_owned());
        found
    };
    let week = credential::status_list::week::Week::of(platform.now_ms() / 1000);
    let list = status_of(&tokens[0]).0;
    let chain = platform.keys.chain(crate::operations::KeyName::Issuer);
    let [one, other] = [of_token(&tokens[0]), of_token(&tokens[1])];
    let common: HashSet<String> = one.intersection(&other).cloned().collect();
    let desk = crate::issuance::desk(&platform).unwrap();
    let header: serde_json::Value =
        serde_json::from_slice(&b64url_decode(tokens[0].split('.').next().unwrap()).unwrap()).unwrap();
    let quoted = |text: &str| format!("\"{text}\"");
    let mut known = HashSet::from([
        // Format and type.
        quoted("ES256"),
        quoted("dc+sd-jwt"),
        quoted("sha-256"),
        quoted("EC"),
        quoted("P-256"),
        quoted(&desk.badge().vct),
        // Issuer, list, dates.
        quoted(platform.config.public.origin()),
        header["kid"].to_string(),
        quoted(&list),
        week.start().to_string(),
        week.next().end().to_string(),
    ]);
    known.extend(chain.iter().map(|der| quoted(&keys::encoding::b64_encode(der))));
    let more: Vec<_> = common.difference(&known).collect();
    assert!(more.is_empty(), "SD-JWT VC: {more:?}");

    let of_document = |text: &String| {
        let document = ciborium::from_reader(b64url_decode(text).unwrap().as_slice()).unwrap();
        let members = ciborium::Value::into_map(document).unwrap();
        // The issuer's part; the elements are what the holder may withhold.
        let auth = members.into_iter().find(|(key, _)| key.as_text() == Some("issuerAuth")).unwrap().1;
        let mut found = HashSet::new();
        pieces_of_cbor(&auth, &mut found);
        found
    };
    let [one, other] = [of_document(&documents[0]), of_document(&documents[1])];
    let common: Vec<String> = one.intersection(&other).cloned().collect();
    let told = |piece: &String| {
        // Numbers of labels and digests, names of the structure's members, and what is allowed.
        piece.starts_with("Integer(")
            || ["version", "1.0", "docType", "digestAlgorithm", "SHA-256", "valueDigests", "deviceKeyInfo"]
                .into_iter()
                .chain(["deviceKey", "validityInfo", "signed", "validFrom", "validUntil", "status"])
                .chain(["status_list", "idx", "uri", "io.mapae.badge.1", list.as_str()])
                .any(|text| *piece == format!("Text({text:?})"))
            || piece.starts_with("Text(\"20") && piece.ends_with("T00:00:00Z\")")
            || chain.iter().any(|der| *piece == keys::encoding::b64url_encode(der))
    };
    let more: Vec<_> = common.iter().filter(|piece| !told(piece)).collect();
    assert!(more.is_empty(), "mdoc: {more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_asked_for_at_once_by_many_come_once_each() {
    let platform = testing::platform().await;
    let (wallet, token, employee) = ready(&platform).await;
    let ask = |n: usize| {
        let (mut wallet, token) = (wallet.clone(), token.clone());
        let configuration = if n.is_multiple_of(2) { BADGE } else { BADGE_MDOC };
        tokio::spawn(async move { wallet.credentials_as(configuration, &token, &holder_keys(2)).await })
    };
    let replies: Vec<Reply> = join_all((0..64).map(ask)).await.into_iter().map(Result::unwrap).collect();
    for parity in 0..2 {
        let mine = || replies.iter().enumerate().filter(|(n, _)| n % 2 == parity).map(|(_, reply)| reply);
        assert_eq!(mine().filter(|reply| reply.status == 200).count(), 1);
        for lost in mine().filter(|reply| reply.status != 200) {
            assert!([400, 401].contains(&lost.refusal().0), "{}", lost.json());
        }
    }
    let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!(badge.copy_next, 4);
}

#[tokio::test]
async fn a_resume_brings_back_no_right_to_the_other_format() {
    let platform = testing::platform().await;
    let (mut wallet, token, employee) = ready(&platform).await;
    assert_eq!(wallet.credentials(&token, &holder_keys(1)).await.status, 200);
    let changed = platform.store.write(move |tx| {
        Box::pin(async move {
            let by = By { actor: "security".into(), duty: "security_officer".into() };
            let badge = lifecycle::suspend_employee(tx, &employee, &by, Reason::Theft).await?;
            let badge = badge.ok_or(ChangeError::Unknown)?;
            lifecycle::resume(tx, &badge.id, &by, Reason::Found).await
        })
    });
    changed.await.unwrap();
    let reply = wallet.credentials_as(BADGE_MDOC, &token, &holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
}
