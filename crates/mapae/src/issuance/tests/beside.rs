//! A credential beside the badge, of which the server knows nothing but its file: asked for, approved, issued in both
//! formats, stopped and ended with the person.

use std::collections::BTreeMap;
use std::path::PathBuf;

use credential::mdoc;
use credential::status_list::Status;
use credential::types::Format;
use credential::verify::{AcceptedTypes, ChainCache, verify_received};
use futures::future::join_all;
use keys::encoding::b64url_decode;

use super::holder::{Holder, Reply, credentials_of, holder_keys, status_of, wallet_offer};
use crate::application::tests::{HR_ONE, OFFICIAL, STRANGER, Town, town_with};
use crate::credentials::{self, AskError, DecideError, Decision, Request, RequestState};
use crate::lifecycle::{self, Badge, By, Reason, status::LocalStatus};
use crate::operations::problem::Problem;
use crate::personnel::demo_data;

const SAMPLE: &str = include_str!("../../../../../docs/examples/credential-types/example-honorary.toml");
const TYPE: &str = "example-honorary";
const DOCUMENT: &str = "example-honorary-mdoc";

/// A town whose issuer has the sample type beside the badge.
struct Place {
    town: Town,
    folder: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn typed(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

async fn place() -> Place {
    let folder = std::env::temp_dir().join(format!("mapae-beside-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("honorary.toml"), SAMPLE).unwrap();
    let types = folder.clone();
    Place { town: town_with(move |config| config.issuance.types = types).await, folder }
}

impl Place {
    async fn me(&self) -> String {
        self.town.id(OFFICIAL).await
    }

    /// A badge in a standard wallet, which the credential stands on.
    async fn badge(&self) -> Badge {
        let me = self.me().await;
        let (offer, code) = wallet_offer(&self.town, &me).await;
        let mut wallet = Holder::new(&self.town);
        let offer = wallet.fetch(&offer).await;
        wallet.redeem(&offer, Some(&code), 1).await;
        Badge::live_of_employee(&self.town.store, &me).await.unwrap().unwrap()
    }

    async fn asked(&self) -> Request {
        let reason = typed(&[("reason", "예시 사유")]);
        credentials::ask(&self.town, &self.me().await, TYPE, &reason).await.unwrap()
    }

    async fn approved(&self) -> Request {
        let request = self.asked().await;
        let decision = Decision::Approve(typed(&[("grade", "금")]));
        credentials::decide(&self.town, &self.town.actor(HR_ONE).await, &request.id, decision).await.unwrap();
        request
    }

    /// Offer and token; the credential is not issued yet.
    async fn token(&self, request: &Request) -> (Holder, String) {
        let (offer, code) = credentials::offer(&self.town, &self.me().await, &request.id).await.unwrap();
        let mut wallet = Holder::new(&self.town);
        let offer = wallet.fetch(&offer).await;
        assert_eq!(offer.credential_configuration_ids, [TYPE, DOCUMENT]);
        let token = wallet.access_token(&offer, Some(&code)).await;
        (wallet, token)
    }

    async fn issued(&self, request: &Request) -> (Holder, String, String) {
        let (mut wallet, token) = self.token(request).await;
        let reply = wallet.credentials_as(TYPE, &token, &holder_keys(1)).await;
        let credential = credentials_of(&reply).remove(0);
        (wallet, token, credential)
    }

    async fn status(&self, credential: &str) -> Option<Status> {
        let (uri, index) = status_of(credential);
        LocalStatus::now(&self.town).await.unwrap().status(&uri, index)
    }

    async fn state(&self, request: &Request) -> RequestState {
        Request::find(&self.town, &request.id).await.unwrap().unwrap().state
    }

    async fn change(&self, badge: &Badge, suspend: bool) {
        let id = badge.id.clone();
        let by = By { actor: "officer".to_owned(), duty: "security_officer".to_owned() };
        self.town
            .store
            .write(move |tx| {
                Box::pin(async move {
                    match suspend {
                        true => lifecycle::suspend(tx, &id, &by, Reason::Loss).await,
                        false => lifecycle::resume(tx, &id, &by, Reason::Found).await,
                    }
                })
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_type_that_is_a_file_is_asked_for_approved_and_issued_in_both_formats() {
    let place = place().await;
    place.badge().await;
    let request = place.approved().await;
    let (mut wallet, token) = place.token(&request).await;
    let (keys, device) = (holder_keys(2), holder_keys(1));
    let tokens = credentials_of(&wallet.credentials_as(TYPE, &token, &keys).await);
    let documents = credentials_of(&wallet.credentials_as(DOCUMENT, &token, &device).await);

    let trust = lifecycle::local_trust(&place.town).await.unwrap();
    let now = place.town.now_ms() / 1000;
    let vct = format!("{}/types/{TYPE}", wallet.origin());
    let types = AcceptedTypes::OneOf(vec![vct, "io.mapae.example.honorary.1".to_owned()]);
    let chains = ChainCache::new(4);
    for (credential, key) in tokens.iter().zip(&keys) {
        let told =
            verify_received(credential, key.public_key(), &types, &*trust, &chains, now).unwrap().claims;
        assert_eq!((&told["reason"], &told["grade"]), (&"예시 사유".into(), &"금".into()));
        assert_eq!((&told["issued_at"], &told["valid_until"]), (&"2026-11-24".into(), &"2031-11-23".into()));
        assert!(told["name"].is_object() && told["credential_number"].is_string());
        assert!(
            told.get("employee_number").is_none() && told.get("link_id").is_none(),
            "only what the file names"
        );
    }
    let bytes = b64url_decode(&documents[0]).unwrap();
    let told = mdoc::verify_received(&bytes, device[0].public_key(), &types, &*trust, &chains, now).unwrap();
    assert_eq!(told.claims["io.mapae.example.honorary.1"]["grade"], "금");

    let metadata = wallet.get(&format!("/types/{TYPE}")).await.json();
    assert_eq!(metadata["display"][0]["name"], "예시 명예공무원증");
    let published = wallet.get("/.well-known/openid-credential-issuer").await.json();
    let configurations = &published["credential_configurations_supported"];
    assert_eq!(configurations[DOCUMENT]["doctype"], "io.mapae.example.honorary.1");
    assert!(
        configurations[TYPE].get("scope").is_none(),
        "the portal offers it; no wallet asks for it by itself"
    );
    assert_eq!(configurations["badge"]["scope"], "badge");
}

#[tokio::test]
async fn a_career_is_issued_with_its_posts() {
    let place = place().await;
    place.badge().await;
    let posts = [demo_data::POST_HEADINGS.to_owned(), demo_data::posts_csv(OFFICIAL)].concat();
    place.town.import(&posts).await;
    let me = place.me().await;
    let values = typed(&[("purpose", "이직"), ("recipient", "예시공사")]);
    let request = credentials::ask(&place.town, &me, "career-certificate", &values).await.unwrap();
    let (offer, code) = credentials::offer(&place.town, &me, &request.id).await.unwrap();
    let mut wallet = Holder::new(&place.town);
    let offer = wallet.fetch(&offer).await;
    let token = wallet.access_token(&offer, Some(&code)).await;
    let keys = holder_keys(1);
    let told = credentials_of(&wallet.credentials_as("career-certificate", &token, &keys).await);
    let trust = lifecycle::local_trust(&place.town).await.unwrap();
    let now = place.town.now_ms() / 1000;
    let types = AcceptedTypes::OneOf(vec![format!("{}/types/career-certificate", wallet.origin())]);
    let claims = verify_received(&told[0], keys[0].public_key(), &types, &*trust, &ChainCache::new(4), now);
    let claims = claims.unwrap().claims;
    let career = crate::personnel::career(&place.town, &me).await.unwrap();
    assert_eq!(claims["posts"].as_array().unwrap().len(), career.len());
    assert!(claims["posts"][0].as_str().unwrap().ends_with("(임용)"), "{claims}");
    assert!(
        claims["service"]["ko"].as_str().unwrap().contains('년') && claims["first_appointed"].is_string()
    );
}

#[tokio::test]
async fn what_the_file_does_not_allow_is_refused_by_name() {
    let place = place().await;
    let me = place.me().await;
    let ask = async |kind: &str, pairs: &[(&str, &str)]| {
        let outcome = credentials::ask(&place.town, &me, kind, &typed(pairs)).await;
        Problem::from(outcome.unwrap_err()).code()
    };
    assert_eq!(ask("unknown", &[]).await, "credential_type_unknown");
    assert_eq!(ask("badge", &[]).await, "credential_type_unknown", "the badge has a walk of its own");
    assert_eq!(ask(TYPE, &[]).await, "credential_value");
    assert_eq!(
        ask(TYPE, &[("reason", "사유"), ("grade", "금")]).await,
        "credential_value",
        "not the applicant's to say"
    );
    assert_eq!(ask(TYPE, &[("reason", &"가".repeat(61))]).await, "credential_value");

    let request = place.asked().await;
    assert_eq!(ask(TYPE, &[("reason", "또")]).await, "credential_open");
    let hr = place.town.actor(HR_ONE).await;
    let decide = async |pairs: &[(&str, &str)]| {
        credentials::decide(&place.town, &hr, &request.id, Decision::Approve(typed(pairs))).await
    };
    assert!(matches!(decide(&[]).await, Err(DecideError::Ask(AskError::Value(claim))) if claim == "grade"));
    assert!(decide(&[("grade", "백금")]).await.is_err(), "not one of the choices");
    let rejection = Decision::Reject(" ".to_owned());
    let refused = credentials::decide(&place.town, &hr, &request.id, rejection).await;
    assert!(matches!(refused, Err(DecideError::Reason)));
    let stranger = place.town.actor(STRANGER).await;
    let refused =
        credentials::decide(&place.town, &stranger, &request.id, Decision::Reject("예시".into())).await;
    assert!(matches!(refused, Err(DecideError::Unknown)), "another agency's desk does not see it");
    let reason = typed(&[("reason", "예시")]);
    let own = credentials::ask(&place.town, &place.town.id(HR_ONE).await, TYPE, &reason).await.unwrap();
    let refused = credentials::decide(&place.town, &hr, &own.id, Decision::Reject("예시".into())).await;
    assert!(matches!(refused, Err(DecideError::Own)));

    assert!(matches!(credentials::offer(&place.town, &me, &request.id).await, Err(AskError::NoBadge)));
    place.badge().await;
    assert!(matches!(credentials::offer(&place.town, &me, &request.id).await, Err(AskError::NotApproved)));
    assert!(matches!(
        credentials::offer(&place.town, &hr.employee_id, &request.id).await,
        Err(AskError::Unknown)
    ));
}

#[tokio::test]
async fn what_stops_the_person_stops_every_credential_and_a_resume_brings_each_back() {
    let place = place().await;
    let badge = place.badge().await;
    let request = place.approved().await;
    let (_, _, credential) = place.issued(&request).await;
    assert_eq!(place.status(&credential).await, Some(Status::Valid));
    // A second offer is under way when the phone is lost.
    let (mut wallet, token) = place.token(&request).await;
    place.change(&badge, true).await;
    assert_eq!(place.status(&credential).await, Some(Status::Suspended));
    let refused = wallet.credentials_as(TYPE, &token, &holder_keys(1)).await;
    assert_eq!(refused.refusal(), (400, "credential_request_denied".to_owned()));
    let me = place.me().await;
    assert!(matches!(credentials::offer(&place.town, &me, &request.id).await, Err(AskError::NoBadge)));
    place.change(&badge, false).await;
    assert_eq!(place.status(&credential).await, Some(Status::Valid));
    assert_eq!(
        wallet.credentials_as(TYPE, &token, &holder_keys(1)).await.status,
        400,
        "that offer stays over"
    );

    // A new badge in another wallet: the copies of the old one are of no use any more, and the approval stands.
    place.badge().await;
    assert_eq!(place.status(&credential).await, Some(Status::Invalid));
    let (_, _, anew) = place.issued(&request).await;
    assert_eq!(place.status(&anew).await, Some(Status::Valid));

    let id = Badge::live_of_employee(&place.town.store, &me).await.unwrap().unwrap().id;
    let by = By::system();
    let ended = place
        .town
        .store
        .write(move |tx| Box::pin(async move { lifecycle::revoke(tx, &id, &by, Reason::Order).await }));
    ended.await.unwrap();
    assert_eq!(place.status(&anew).await, Some(Status::Invalid));
}

#[tokio::test]
async fn hr_takes_one_approval_back_and_nothing_else_ends() {
    let place = place().await;
    let badge = place.badge().await;
    let request = place.approved().await;
    let (_, _, credential) = place.issued(&request).await;
    let (_, _, second) = place.issued(&request).await;
    assert_eq!(
        place.status(&credential).await,
        Some(Status::Invalid),
        "received again: the first copies end"
    );
    assert_eq!(place.status(&second).await, Some(Status::Valid));
    let hr = place.town.actor(HR_ONE).await;
    assert!(matches!(credentials::revoke(&place.town, &hr, &request.id, "").await, Err(DecideError::Reason)));
    credentials::revoke(&place.town, &hr, &request.id, "잘못 발급").await.unwrap();
    assert!(matches!(
        credentials::revoke(&place.town, &hr, &request.id, "또").await,
        Err(DecideError::State)
    ));
    assert_eq!(place.status(&second).await, Some(Status::Invalid));
    let told = Request::find(&place.town, &request.id).await.unwrap().unwrap();
    assert_eq!((told.state, told.reason.as_deref()), (RequestState::Revoked, Some("잘못 발급")));
    let now = Badge::find(&place.town.store, &badge.id).await.unwrap().unwrap();
    assert_eq!(now.state, badge.state);
    let me = place.me().await;
    assert!(matches!(credentials::offer(&place.town, &me, &request.id).await, Err(AskError::NotApproved)));
}

#[tokio::test]
async fn of_many_redemptions_of_one_offer_one_is_issued_and_one_stays_live() {
    let place = place().await;
    place.badge().await;
    let request = place.approved().await;
    let (wallet, token) = place.token(&request).await;
    let replies: Vec<Reply> = join_all((0..16).map(|_| {
        let (mut wallet, token) = (wallet.clone(), token.clone());
        async move { wallet.credentials_as(TYPE, &token, &holder_keys(1)).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    let live = place
        .town
        .store
        .fetch_one(
            "SELECT COUNT(*) AS n FROM held_credential WHERE state IN ('active', 'suspended')",
            crate::operations::params![],
        )
        .await
        .unwrap();
    assert_eq!(live.int("n").unwrap(), 1);
}

#[tokio::test]
async fn a_suspension_that_races_an_issue_leaves_no_good_copy() {
    let place = place().await;
    let badge = place.badge().await;
    let request = place.approved().await;
    for _ in 0..6 {
        let (wallet, token) = place.token(&request).await;
        let issue = async {
            let mut wallet = wallet.clone();
            wallet.credentials_as(TYPE, &token, &holder_keys(1)).await
        };
        let (reply, ()) = futures::join!(issue, place.change(&badge, true));
        if reply.status == 200 {
            let credential = credentials_of(&reply).remove(0);
            assert_eq!(place.status(&credential).await, Some(Status::Suspended));
        } else {
            assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
        }
        place.change(&badge, false).await;
    }
}

#[tokio::test]
async fn a_revocation_that_races_an_issue_leaves_no_good_copy() {
    let place = place().await;
    place.badge().await;
    let hr = place.town.actor(HR_ONE).await;
    for _ in 0..6 {
        let request = place.approved().await;
        let (wallet, token) = place.token(&request).await;
        let issue = async {
            let mut wallet = wallet.clone();
            wallet.credentials_as(TYPE, &token, &holder_keys(1)).await
        };
        let (reply, revoked) =
            futures::join!(issue, credentials::revoke(&place.town, &hr, &request.id, "잘못 발급"));
        revoked.unwrap();
        if reply.status == 200 {
            let credential = credentials_of(&reply).remove(0);
            assert_eq!(place.status(&credential).await, Some(Status::Invalid));
        }
        assert_eq!(place.state(&request).await, RequestState::Revoked);
    }
}

#[tokio::test]
async fn a_running_issuer_takes_a_new_file_in_and_keeps_the_old_ones_when_it_is_broken() {
    let place = place().await;
    let desk = || super::super::desk(&place.town).unwrap();
    assert!(!super::super::take_in_types(&place.town).unwrap());
    let second =
        SAMPLE.replace("example-honorary", "example-second").replace("example.honorary", "example.second");
    std::fs::write(
        place.folder.join("second.toml"),
        second.replace("approval = \"hr\"", "approval = \"boss\""),
    )
    .unwrap();
    let told = super::super::take_in_types(&place.town).unwrap_err().to_string();
    let line = second.lines().position(|line| line.starts_with("approval")).unwrap() + 1;
    assert!(told.contains(&format!("second.toml, line {line}: ")), "{told}");
    assert!(desk().kind("example-second").is_none() && desk().kind(TYPE).is_some());
    std::fs::write(place.folder.join("second.toml"), second).unwrap();
    assert!(super::super::take_in_types(&place.town).unwrap());
    assert!(desk().kind("example-second").is_some_and(|kind| kind.is_issued_as(Format::Mdoc)));
    lifecycle::types_changed(&place.town);
    let trust = lifecycle::local_trust(&place.town).await.unwrap();
    let known = |name: &str| trust.entries().iter().any(|entry| entry.vcts.iter().any(|vct| vct == name));
    assert!(known("io.mapae.example.second.1") && known("io.mapae.badge.1"));
}
