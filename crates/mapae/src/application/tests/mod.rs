//! A small town of fictional officials, and the stories played in it. On SQLite, and on PostgreSQL where one is given.

mod delegations;
pub(crate) mod doors;
mod hands;
mod phones;
mod races;
mod states;
mod talk;
mod walk;

use std::fmt::Write as _;

use super::decide::{DecideError, Decision};
use super::{Application, Kind, Request, State, Step, apply, decide, find};
use crate::notification::{DemoGateway, Worker};
use crate::operations::Config;
use crate::personnel::{self, demo_data, import};
use crate::staff::{self, Actor, Duty, actor_for_tests};
use crate::testing::{TestPlatform, platform_with};

/// Officials by their ordinal in the demo data: all of 예시행정부 but the last.
pub(crate) const TOP_HEAD: u64 = 0;
pub(crate) const HEAD: u64 = 750;
pub(crate) const DEPUTY: u64 = 751;
pub(crate) const OFFICIAL: u64 = 760;
pub(crate) const COLLEAGUE: u64 = 761;
pub(crate) const HR_ONE: u64 = 380;
pub(crate) const HR_TWO: u64 = 381;
pub(crate) const SECURITY: u64 = 382;
pub(crate) const AUDITOR: u64 = 383;
pub(crate) const OPERATOR: u64 = 384;
pub(crate) const EXCLUDED: u64 = 155;
/// 예시인사처: another agency, with an HR manager of its own.
pub(crate) const STRANGER: u64 = 30;

const PEOPLE: [u64; 13] = [
    TOP_HEAD, 375, HEAD, DEPUTY, OFFICIAL, COLLEAGUE, HR_ONE, HR_TWO, SECURITY, AUDITOR, OPERATOR, EXCLUDED,
    STRANGER,
];

pub(crate) struct Town {
    pub(crate) platform: TestPlatform,
}

impl std::ops::Deref for Town {
    type Target = TestPlatform;

    fn deref(&self) -> &TestPlatform {
        &self.platform
    }
}

pub(crate) async fn town() -> Town {
    town_with(|_| {}).await
}

pub(crate) async fn town_with(change: impl FnOnce(&mut Config)) -> Town {
    let town = Town { platform: platform_with(change).await };
    town.import(&demo_data::agencies_csv()).await;
    let mut people = String::from(demo_data::EMPLOYEE_HEADINGS);
    for n in PEOPLE {
        let _ = write!(people, "{}", demo_data::employee_csv(n));
    }
    town.import(&people).await;
    for (n, duty) in [
        (HR_ONE, Duty::HrManager),
        (HR_TWO, Duty::HrManager),
        (SECURITY, Duty::SecurityOfficer),
        (AUDITOR, Duty::Auditor),
        (OPERATOR, Duty::Operator),
        (STRANGER, Duty::HrManager),
    ] {
        town.give(n, duty).await;
    }
    town
}

impl Town {
    pub(crate) async fn import(&self, csv: &str) {
        let file = std::env::temp_dir().join(format!("mapae-town-{}.csv", crate::operations::id::new()));
        std::fs::write(&file, csv).unwrap();
        let options = import::Options { dry_run: false, source: "test".into(), actor: "operator".into() };
        let report = import::import(&self.platform, &file, &options, &mut |_, _| {}).await.unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(report.bad, 0, "{:?}", report.bad_lines);
    }

    pub(crate) async fn id(&self, n: u64) -> String {
        let person = demo_data::person(n);
        personnel::employee_by_number(&self.platform, person.agency, &person.number)
            .await
            .unwrap()
            .unwrap()
            .id
    }

    pub(crate) async fn actor(&self, n: u64) -> Actor {
        actor_for_tests(&self.platform, &self.id(n).await).await
    }

    /// A duty, as the operator gives it; the account that carries it gets a password nobody uses here.
    pub(crate) async fn give(&self, n: u64, duty: Duty) {
        let id = self.id(n).await;
        self.account(&format!("person{n}"), n).await;
        staff::grant(&self.platform, &id, duty, demo_data::person(n).agency, "operator").await.unwrap();
    }

    pub(crate) async fn account(&self, login: &str, n: u64) {
        let password = staff::Password::new("mapae-yesi".to_owned()).unwrap();
        let login = staff::Login::new(login).unwrap();
        staff::add(&self.platform, login, &self.id(n).await, password, "operator").await.unwrap();
    }

    pub(crate) async fn applied(&self, n: u64) -> Application {
        let request = Request { kind: Kind::First, note: "부탁합니다".into(), key: None, submit: true };
        apply(&self.platform, &self.id(n).await, request).await.unwrap().0
    }

    /// What the identity checker's page shows of the record.
    pub(crate) async fn seen(&self, application: &Application) -> String {
        let employee = personnel::employee(&self.platform, &application.employee_id).await.unwrap().unwrap();
        super::people::record_digest(&self.platform, &employee)
    }

    pub(crate) async fn approve(
        &self,
        n: u64,
        application: &Application,
        step: Step,
    ) -> Result<State, DecideError> {
        let seen = Some(self.seen(application).await);
        let actor = self.actor(n).await;
        decide(&self.platform, &actor, &application.id, step, Decision::Approve { seen }).await
    }

    /// Applied, and approved by three.
    pub(crate) async fn approved(&self, n: u64) -> Application {
        let application = self.applied(n).await;
        self.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
        self.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
        self.approve(HR_TWO, &application, Step::IssueApproval).await.unwrap();
        self.now(&application).await
    }

    pub(crate) async fn now(&self, application: &Application) -> Application {
        find(&self.platform.store, &application.id).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, application: &Application) -> State {
        self.now(application).await.state
    }

    /// Lets the outbox work until it has nothing left.
    pub(crate) async fn deliver(&self) {
        let gateway = DemoGateway::new(std::sync::Arc::clone(&self.platform));
        let worker = Worker::new(std::sync::Arc::clone(&self.platform), std::sync::Arc::new(gateway));
        while worker.round().await.unwrap() > 0 {}
    }

    /// The messages the demo's phone of `n` has, newest first.
    pub(crate) async fn messages(&self, n: u64) -> Vec<String> {
        let rows =
            crate::notification::received(&self.platform, Some(&demo_data::person(n).phone)).await.unwrap();
        rows.into_iter().map(|message| message.text).collect()
    }

    /// The handle in the newest message of `n`.
    pub(crate) async fn handle(&self, n: u64) -> String {
        self.deliver().await;
        let text = self.messages(n).await.into_iter().next().expect("a message");
        text.rsplit_once("/install#").expect("an install address").1.to_owned()
    }
}
