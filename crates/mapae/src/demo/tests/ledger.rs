//! What the people of the walk were told, compared with what the database holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::operations::store::{Store, params};

/// An application's states in their order.
const ORDER: [&str; 6] =
    ["submitted", "head_approved", "identity_checked", "issue_approved", "invited", "issued"];

fn rank(state: &str) -> usize {
    ORDER.iter().position(|known| *known == state).unwrap_or_else(|| panic!("an application became {state}"))
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Application → the furthest state that somebody was told.
    states: BTreeMap<String, &'static str>,
    /// Application → account.
    accounts: BTreeMap<String, String>,
    applicants: BTreeSet<u64>,
    logged_in: usize,
}

impl Ledger {
    pub(super) fn applied(&mut self, ordinal: u64, application: &str) {
        assert!(self.applicants.insert(ordinal));
        let before = self.states.insert(application.to_owned(), "submitted");
        assert!(before.is_none(), "two people got one application");
    }

    pub(super) fn reached(&mut self, application: &str, state: &'static str) {
        self.states.insert(application.to_owned(), state);
    }

    /// A state that was told once never goes back.
    pub(super) fn must_have_reached(&self, application: &str, now: &str) {
        let told = self.states.get(application).expect("applied");
        assert!(rank(now) >= rank(told), "{application} was told to be {told} and is {now} after a kill");
    }

    pub(super) fn registered(&mut self, application: &str, account: &str) {
        self.accounts.insert(application.to_owned(), account.to_owned());
    }

    pub(super) fn logged_in(&mut self) {
        self.logged_in += 1;
    }

    /// Reads the database: nothing that was told is missing, nothing stands there twice.
    pub(super) async fn compare(&self, store: &Store) {
        let count = async |sql: &'static str, id: &str| -> i64 {
            store.fetch_one(sql, params![id]).await.expect("row").int("n").expect("n")
        };
        assert!(!self.states.is_empty());
        for (application, told) in &self.states {
            assert_eq!(*told, "issued", "every walk went to its end");
            let row = store
                .fetch_one("SELECT state, employee_id FROM application WHERE id = $1", params![application])
                .await
                .expect("the application is there");
            assert_eq!(row.text("state").expect("state"), "issued");
            let employee = row.text("employee_id").expect("employee");
            let once = [
                ("SELECT COUNT(*) AS n FROM application WHERE employee_id = $1", &employee),
                ("SELECT COUNT(*) AS n FROM badge WHERE employee_id = $1", &employee),
                ("SELECT COUNT(*) AS n FROM badge WHERE employee_id = $1 AND state = 'active'", &employee),
                ("SELECT COUNT(*) AS n FROM account WHERE employee_id = $1 AND state = 'active'", &employee),
                ("SELECT COUNT(*) AS n FROM application_invitation WHERE application_id = $1", application),
                (
                    "SELECT COUNT(*) AS n FROM application_invitation WHERE application_id = $1 AND state = 'used'",
                    application,
                ),
                (
                    "SELECT COUNT(*) AS n FROM issuance_offer WHERE application_id = $1 AND state = 'issued'",
                    application,
                ),
            ];
            for (sql, id) in once {
                assert_eq!(count(sql, id).await, 1, "{sql}");
            }
            let acts =
                "SELECT act, COUNT(*) AS n FROM application_event WHERE application_id = $1 GROUP BY act";
            for row in store.fetch_all(acts, params![application]).await.expect("events") {
                assert_eq!(row.int("n").expect("n"), 1, "{} twice", row.text("act").expect("act"));
            }
            assert_eq!(
                count("SELECT COUNT(*) AS n FROM application_hand WHERE application_id = $1", application)
                    .await,
                4
            );
            let account = self.accounts.get(application).expect("registered");
            assert_eq!(
                count("SELECT COUNT(*) AS n FROM account WHERE id = $1 AND state = 'active'", account).await,
                1
            );
            let records = "SELECT act, COUNT(*) AS n FROM audit_record WHERE subject = $1 \
                           AND act IN ('application.submit', 'application.head_approve', 'application.check_identity', \
                           'application.approve_issue', 'application.invite', 'application.issue') GROUP BY act";
            let records = store.fetch_all(records, params![application]).await.expect("audit");
            // The phone may be through before the outbox has heard that the message went out; then there is no invite.
            let steps =
                records.iter().filter(|row| row.text("act").expect("act") != "application.invite").count();
            assert_eq!(steps, 5, "each step has its audit record");
            for row in records {
                assert_eq!(row.int("n").expect("n"), 1, "{} twice", row.text("act").expect("act"));
            }
        }
        let sessions = "SELECT COUNT(*) AS n FROM login_session WHERE relying_party <> $1";
        let sessions = usize::try_from(count(sessions, "").await).expect("few");
        assert!(sessions >= self.logged_in, "{} were logged in, {sessions} sessions stand", self.logged_in);
        let codes = "SELECT COUNT(*) AS n FROM (SELECT attempt FROM login_session WHERE attempt <> $1 \
                     GROUP BY attempt HAVING COUNT(*) > 1) AS doubled";
        assert_eq!(count(codes, "").await, 0, "a code was redeemed twice");
    }
}
