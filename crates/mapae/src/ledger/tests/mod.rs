//! The ledger in the platform: who is trusted, what is anchored, what goes on without it.

mod doors;
mod outage;
mod refused;
pub(crate) mod standing;

use std::path::PathBuf;

use credential::trust::{Distrust, Origin, TrustSource as _};
use registry::contract::{Code, call};
use registry::ethereum::Bytes;

use super::ceremony::{self, Wish};
use super::registrar::{self, Member};
use super::*;
use crate::lifecycle::local_trust;
use crate::operations::KeyName;
use crate::operations::store::params;
use crate::testing::{self, TestPlatform};

const AGENCY: &str = "9900000";

/// A platform whose ledger is set up as the demonstration does it.
struct Ground<P = TestPlatform> {
    platform: P,
    members: Vec<Member>,
}

fn folder(platform: &TestPlatform) -> PathBuf {
    platform.config.ledger.file.parent().unwrap().join("registrar")
}

async fn ground() -> Ground {
    let platform = testing::platform().await;
    let did = set_up_demo(&platform, &folder(&platform)).await.unwrap();
    assert_eq!(did, "did:mapae:demo:9900000");
    let members = registrar::read_all(&folder(&platform)).unwrap();
    Ground { platform, members }
}

impl<P: std::borrow::Borrow<TestPlatform>> Ground<P> {
    async fn act(&self, data: Bytes) {
        let platform = self.platform.borrow();
        let opened = open::opened(platform).await.unwrap();
        ceremony::act(&opened, &self.members, &data).await.unwrap();
        follow::follow(platform).await.unwrap();
    }

    fn wish(&self) -> Wish {
        let platform = self.platform.borrow();
        let now = platform.clock.now_ms_s();
        Wish {
            agency: Code::parse(AGENCY).unwrap(),
            name: crate::issuance::issuer_name(),
            vct: ceremony::badge_type(platform).unwrap(),
            key: ceremony::issuing_key(platform).unwrap(),
            period: (now, now + 3 * 365 * 86_400),
        }
    }

    async fn judge(&self, at: i64) -> Result<(), Distrust> {
        judge(self.platform.borrow(), at).await
    }
}

/// Seconds of the test's clock.
trait Seconds {
    fn now_ms_s(&self) -> i64;
}

impl Seconds for std::sync::Arc<testing::TestClock> {
    fn now_ms_s(&self) -> i64 {
        crate::operations::Clock::now_s(self.as_ref())
    }
}

async fn judge(platform: &TestPlatform, at: i64) -> Result<(), Distrust> {
    let trust = local_trust(platform).await.unwrap();
    let jkt = platform.keys.signer(KeyName::Issuer).unwrap().public_key().thumbprint();
    let vct = ceremony::badge_type(platform).unwrap();
    let issuer = Some(platform.config.public.origin());
    trust.judge(&Origin { jkt: &jkt, issuer, vct: &vct, issued_at: Some(at) }).map(|_| ())
}

#[tokio::test]
async fn once_a_ledger_is_set_up_the_trust_list_holds_what_the_registrar_signed_and_nothing_else() {
    let platform = testing::platform().await;
    let now = platform.clock.now_ms_s();
    assert_eq!(judge(&platform, now).await, Ok(()), "without a ledger the server speaks for itself");
    set_up_demo(&platform, &folder(&platform)).await.unwrap();
    assert_eq!(judge(&platform, now).await, Ok(()));
    let trust = local_trust(&platform).await.unwrap();
    let names = ceremony::type_names(&platform).unwrap().len();
    assert_eq!(trust.entries().len(), names, "one under each name of each type");
    assert!(trust.entries().iter().all(|entry| entry.statement.is_some() && entry.until.is_some()));
    // Whoever writes into the database can't invent an agency, nor make a period longer.
    for sql in [
        "INSERT INTO trust_entry (jkt, vct, issuer, name_ko, name_en, state, state_at, from_at) \
         VALUES ('forged', 'https://forged.example', 'https://forged.example', 'x', 'x', 'active', 0, 0)",
        "UPDATE trust_entry SET until_at = until_at + 1000 WHERE statement IS NOT NULL",
        "UPDATE trust_version SET version = version + 1",
    ] {
        platform
            .store
            .write(move |tx| Box::pin(async move { tx.execute(sql, params![]).await }))
            .await
            .map(|_: u64| ())
            .unwrap();
    }
    assert_eq!(local_trust(&platform).await.unwrap().entries().len(), 0);
    assert_eq!(judge(&platform, now).await, Err(Distrust::Unknown));
}

#[tokio::test]
async fn a_key_that_is_retired_revoked_expired_or_deactivated_is_refused_each_for_its_own_reason() {
    let ground = ground().await;
    let now = ground.platform.clock.now_ms_s();
    let later = now + 30 * 86_400;
    assert_eq!(ground.judge(now).await, Ok(()));
    assert_eq!(ground.judge(now + 4 * 365 * 86_400).await, Err(Distrust::Expired));
    ground.act(call::retire(ground.wish().triple(), (now + 86_400).unsigned_abs())).await;
    assert_eq!(ground.judge(later).await, Err(Distrust::Retired));
    assert_eq!(ground.judge(now).await, Ok(()), "what it signed before holds");
    ground.act(call::revoke(ground.wish().triple())).await;
    assert_eq!(ground.judge(now).await, Err(Distrust::Revoked), "whatever its date");

    let ground = self::ground().await;
    ground.act(call::deactivate_agency(Code::parse(AGENCY).unwrap())).await;
    assert_eq!(ground.judge(later).await, Err(Distrust::Deactivated));
    assert_eq!(ground.judge(now - 1).await, Ok(()));
}

#[tokio::test]
async fn an_accreditation_without_enough_signatures_of_the_registrar_is_passed_over() {
    let ground = ground().await;
    let key = keys::SecretKey::generate().public_key().clone();
    let wish = Wish { key: key.clone(), ..ground.wish() };
    let opened = open::opened(&ground.platform).await.unwrap();
    let statement = wish.statement(&ground.platform, opened.setup.network);
    let one = statement.sign(&ground.members[0].statement).unwrap();
    ground.act(ceremony::accredit(&opened, &wish, &one).await.unwrap()).await;
    // Signed by enough, but for another key than the event names.
    let other = ceremony::signed(
        &opened,
        &ground.members,
        &ground.wish().statement(&ground.platform, opened.setup.network),
    );
    let third = Wish { key: keys::SecretKey::generate().public_key().clone(), ..ground.wish() };
    ground.act(ceremony::accredit(&opened, &third, &other.unwrap()).await.unwrap()).await;
    let trust = local_trust(&ground.platform).await.unwrap();
    let names = ceremony::type_names(&ground.platform).unwrap().len();
    assert_eq!(trust.entries().len(), names, "only the first key, which set-up entered under every name");
    assert!(ceremony::signed(&opened, &ground.members[..1], &statement).is_err());
}

#[tokio::test]
async fn the_registrars_files_are_private_and_are_not_overwritten() {
    let ground = ground().await;
    let folder = folder(&ground.platform);
    let opened = open::opened(&ground.platform).await.unwrap();
    let before = opened.connection.ledger.head().await.unwrap();
    let again = registrar::addresses(&registrar::make(&folder, 3).unwrap());
    assert_eq!(again, registrar::addresses(&ground.members));
    assert_eq!(set_up_demo(&ground.platform, &folder).await.unwrap(), "did:mapae:demo:9900000");
    assert_eq!(opened.connection.ledger.head().await.unwrap(), before, "nothing is done twice");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.join("registrar-1.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = ceremony::init(&ground.platform, Code::parse("other").unwrap(), &ground.members, 2).await;
    assert!(matches!(again, Err(LedgerError::SetUp)));
}
