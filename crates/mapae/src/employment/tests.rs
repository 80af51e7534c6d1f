use futures::future::BoxFuture;
use proptest::prelude::*;

use super::rules::{Event, Facts, ForBadge, RULES, events};
use super::{Decided, Decision, DecisionError, decide, exclusion, outdated_since, waiting};
use crate::application::{self, State};
use crate::lifecycle::{self, Badge, BadgeState, By, NewBadge, Reason};
use crate::operations::store::{StoreError, Tx, params};
use crate::personnel::import::{Options, Report, import};
use crate::personnel::{
    EmployeeLine, EmployeeStatus, PersonnelError, Saved, Told, demo_data, employee, line_of, write_line,
};
use crate::staff::{self, Duty};
use crate::testing::{TestPlatform, platform};

/// Gives these employees a badge each.
pub(crate) async fn badges(platform: &TestPlatform, employee_ids: &[String]) {
    let did = crate::issuance::desk(platform).unwrap().did().to_owned();
    for employee_id in employee_ids {
        let (did, employee_id, now) = (did.clone(), employee_id.clone(), platform.now_ms());
        platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let new = NewBadge {
                        id: crate::operations::id::new(),
                        slot: lifecycle::reserve_slot(tx, &did).await?,
                        employee_id,
                        account_id: None,
                        application_id: None,
                        kind: "first".to_owned(),
                        credential_type: "badge".to_owned(),
                        issuing_did: did,
                        replaces: None,
                        copy_week: credential::status_list::week::Week::of(now / 1000).start(),
                        copies: 20,
                        issued_at: now,
                        valid_until: now + 86_400_000,
                    };
                    lifecycle::create(tx, &new, &By::system()).await
                })
            })
            .await
            .unwrap();
    }
}

async fn badge_state(platform: &TestPlatform, employee_id: &str) -> (BadgeState, Reason) {
    let row = platform
        .store
        .fetch_one("SELECT id FROM badge WHERE employee_id = $1", params![employee_id])
        .await
        .unwrap();
    let badge = Badge::find(&platform.store, &row.text("id").unwrap()).await.unwrap().unwrap();
    (badge.state, badge.reason)
}

async fn states(platform: &TestPlatform, employee_ids: &[String]) -> Vec<BadgeState> {
    let mut states = Vec::new();
    for id in employee_ids {
        states.push(badge_state(platform, id).await.0);
    }
    states
}

/// The status of one person, told by an HR system.
async fn tell(platform: &TestPlatform, employee_id: &str, status: EmployeeStatus) -> Saved {
    let (line, _) = line_of(platform, employee_id).await.unwrap().unwrap();
    told(platform, EmployeeLine { status, ..line }).await
}

fn nothing_beside<'t>(_: &'t mut Tx, _: Saved, _: &'t str) -> BoxFuture<'t, Result<(), PersonnelError>> {
    Box::pin(async { Ok(()) })
}

async fn told(platform: &TestPlatform, line: EmployeeLine) -> Saved {
    let by = By { actor: "hr".to_owned(), duty: "hr_system".to_owned() };
    let told = Told::line(by, "test");
    write_line(&platform.platform, line, told, nothing_beside).await.unwrap().0
}

/// A file with the given people, each with a status, in effect from now on.
async fn file(platform: &TestPlatform, people: impl Iterator<Item = u64>, status: &str) -> Report {
    let mut text = demo_data::EMPLOYEE_HEADINGS.to_owned();
    for n in people {
        let line = demo_data::employee_csv(n);
        text.push_str(&line.replace(",재직,", &format!(",{status},")).replace("2026-01-01", "2026-11-24"));
    }
    let path = std::env::temp_dir().join(format!("mapae-employment-{}.csv", crate::operations::id::new()));
    std::fs::write(&path, text).unwrap();
    let options = Options { dry_run: false, source: "csv".into(), actor: "operator".into() };
    let report = import(&platform.platform, &path, &options, &mut |_, _| {}).await.unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(report.bad, 0, "{:?}", report.bad_lines);
    report
}

async fn manager(platform: &TestPlatform, employee_id: &str) -> staff::Actor {
    let login = staff::Login::new(&format!("m{}", crate::operations::id::new())).unwrap();
    let password = staff::Password::new("a long enough word".to_owned()).unwrap();
    staff::add(platform, login, employee_id, password, "test").await.unwrap();
    staff::grant(platform, employee_id, Duty::HrManager, "9000001", "test").await.unwrap();
    staff::actor_for_tests(platform, employee_id).await
}

fn asked() -> application::Request {
    application::Request { kind: application::Kind::First, note: String::new(), key: None, submit: true }
}

async fn audited(platform: &TestPlatform, act: &str) -> i64 {
    let row = platform
        .store
        .fetch_one("SELECT COUNT(*) AS n FROM audit_record WHERE act = $1", params![act])
        .await
        .unwrap();
    row.int("n").unwrap()
}

#[test]
fn the_documentation_shows_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/hr.md");
    let written = std::fs::read_to_string(path).expect("docs/hr.md");
    let text = |key| crate::operations::language::text(crate::operations::Language::En, key);
    for rule in &RULES {
        let line = format!(
            "| {} | {} | {} |",
            text(rule.event.key()),
            text(rule.application.key()),
            text(rule.badge.key())
        );
        assert!(written.contains(&line), "docs/hr.md has to say: {line}");
        assert_eq!(Event::parse(rule.event.as_str()), Some(rule.event));
        assert_eq!(rule.event.rule(), rule, "the table is in the order of the events");
    }
}

fn facts() -> impl Strategy<Value = Facts> {
    let status = prop::sample::select(vec![
        EmployeeStatus::Serving,
        EmployeeStatus::Leave,
        EmployeeStatus::Dispatched,
        EmployeeStatus::Retired,
        EmployeeStatus::Dead,
    ]);
    (status, 0..3_u8, any::<bool>(), 0..3_u8, 0..2_u8, 0..2_u8).prop_map(
        |(status, agency, agency_takes_part, department, phone, particulars)| Facts {
            status,
            agency_code: format!("900000{agency}"),
            agency_takes_part,
            department_id: format!("d-{agency}-{department}"),
            phone: format!("0100000000{phone}"),
            particulars: particulars.to_string(),
        },
    )
}

proptest! {
    #[test]
    fn the_same_record_told_again_is_no_event(before in facts()) {
        prop_assert_eq!(events(Some(&before), &before), vec![]);
    }

    /// Whoever ends loses the badge; whoever serves before and after, in an agency that takes part, does not.
    #[test]
    fn a_badge_ends_exactly_with_the_employment_or_the_agency(before in facts(), after in facts()) {
        let ends = events(Some(&before), &after).iter().any(|event| event.ends_badge());
        let retired = |facts: &Facts| matches!(facts.status, EmployeeStatus::Retired | EmployeeStatus::Dead);
        let moved_out = before.agency_code != after.agency_code && !after.agency_takes_part;
        prop_assert_eq!(ends, (retired(&after) && before.status != after.status) || moved_out);
    }

    /// After a leave the badge comes back by a return and by nothing else.
    #[test]
    fn whoever_is_back_from_leave_gets_a_return(mut before in facts(), after in facts()) {
        before.status = EmployeeStatus::Leave;
        let resumes = events(Some(&before), &after).iter().any(|e| e.rule().badge == ForBadge::Resume);
        prop_assert_eq!(resumes, after.status.is_serving());
    }
}

#[tokio::test]
async fn a_retirement_ends_badge_application_and_duties_in_one_commit_and_once() {
    let platform = platform().await;
    let ids = platform.people(25).await;
    badges(&platform, &ids[5..6]).await;
    let manager = manager(&platform, &ids[6]).await;
    assert!(manager.holds(Duty::HrManager));
    let (application, _) = application::apply(&platform, &ids[7], asked()).await.unwrap();
    let before = platform.store.counters().units();
    assert_eq!(file(&platform, 5..8, "퇴직").await.changed, 3);
    assert!(platform.store.counters().units() - before <= 4, "begin, one group (and a count), finish");
    assert_eq!(badge_state(&platform, &ids[5]).await, (BadgeState::Revoked, Reason::EmploymentEnded));
    assert!(staff::duties_of(&platform, &ids[6]).await.unwrap().is_empty());
    let application = application::find(&platform.store, &application.id).await.unwrap().unwrap();
    assert_eq!(application.state, State::Withdrawn);
    let events = application::events(&platform, &application.id).await.unwrap();
    assert_eq!(events.last().unwrap().note.as_deref(), Some("인사 변동: 퇴직"));
    assert_eq!(audited(&platform, "employment.changed").await, 3);
    assert_eq!(file(&platform, 5..8, "퇴직").await.unchanged, 3, "told again, nothing happens");
    assert_eq!(audited(&platform, "employment.changed").await, 3);
}

#[tokio::test]
async fn a_leave_suspends_and_the_return_resumes() {
    let platform = platform().await;
    let ids = platform.people(3).await;
    badges(&platform, &ids[2..3]).await;
    assert_eq!(tell(&platform, &ids[2], EmployeeStatus::Leave).await, Saved::Changed);
    assert_eq!(badge_state(&platform, &ids[2]).await, (BadgeState::Suspended, Reason::Leave));
    assert_eq!(tell(&platform, &ids[2], EmployeeStatus::Dispatched).await, Saved::Changed);
    assert_eq!(badge_state(&platform, &ids[2]).await, (BadgeState::Active, Reason::Returned));
}

#[tokio::test]
async fn a_phone_lost_during_a_leave_stays_suspended_after_the_return() {
    let platform = platform().await;
    let ids = platform.people(3).await;
    badges(&platform, &ids[2..3]).await;
    tell(&platform, &ids[2], EmployeeStatus::Leave).await;
    let lost = ids[2].clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move { lifecycle::suspend_employee(tx, &lost, &By::system(), Reason::Loss).await })
        })
        .await
        .unwrap();
    assert_eq!(tell(&platform, &ids[2], EmployeeStatus::Serving).await, Saved::Changed);
    assert_eq!(badge_state(&platform, &ids[2]).await, (BadgeState::Suspended, Reason::Loss));
}

#[tokio::test]
async fn who_goes_to_another_agency_stays_the_same_person_with_a_badge_that_is_out_of_date() {
    let platform = platform().await;
    let ids = platform.people(3).await;
    badges(&platform, &ids[2..3]).await;
    let text = format!(
        "이전기관코드,{}9000001,{}",
        demo_data::EMPLOYEE_HEADINGS,
        demo_data::employee_csv(2).replacen("9000001", "9000002", 1).replace("2026-01-01", "2026-11-24")
    );
    let path = std::env::temp_dir().join(format!("mapae-move-{}.csv", crate::operations::id::new()));
    std::fs::write(&path, text).unwrap();
    let options = Options { dry_run: false, source: "csv".into(), actor: "operator".into() };
    for changed in [1, 0] {
        let report = import(&platform.platform, &path, &options, &mut |_, _| {}).await.unwrap();
        assert_eq!((report.changed, report.new, report.bad), (changed, 0, 0), "{:?}", report.bad_lines);
    }
    let moved = employee(&platform, &ids[2]).await.unwrap().unwrap();
    assert_eq!(moved.agency.code, "9000002");
    let badge = Badge::live_of_employee(&platform.store, &ids[2]).await.unwrap().unwrap();
    assert_eq!(badge.state, BadgeState::Active);
    let since = outdated_since(&platform.store, &badge.id).await.unwrap();
    assert_eq!(since, Some((Event::Move, platform.now_ms())));
}

#[tokio::test]
async fn whoever_goes_to_an_agency_that_takes_no_part_loses_the_badge() {
    let platform = platform().await;
    let ids = platform.people(3).await;
    badges(&platform, &ids[2..3]).await;
    let (line, target) = line_of(&platform, &ids[2]).await.unwrap().unwrap();
    let line = EmployeeLine { agency: "9000007".parse().unwrap(), ..line };
    let by = By::system();
    let told = Told { target: Some(target), ..Told::line(by, "test") };
    let (saved, id) = write_line(&platform.platform, line, told, nothing_beside).await.unwrap();
    assert_eq!((saved, &id), (Saved::Changed, &ids[2]));
    assert_eq!(badge_state(&platform, &ids[2]).await, (BadgeState::Revoked, Reason::Excluded));
}

#[tokio::test]
async fn a_file_that_would_retire_an_agency_waits_for_two_people() {
    let platform = platform().await;
    let ids = platform.people(25).await;
    badges(&platform, &ids[2..22]).await;
    let (first, second) = (manager(&platform, &ids[0]).await, manager(&platform, &ids[1]).await);
    let report = file(&platform, 2..12, "퇴직").await;
    assert_eq!((report.changed, report.held), (5, 5), "five may go whatever the share is");
    let again = file(&platform, 2..12, "퇴직").await;
    assert_eq!((again.changed, again.unchanged, again.held), (0, 5, 5));
    let reach = vec!["9000001".to_owned()];
    let held = waiting(&platform, &reach).await.unwrap();
    assert_eq!(held.len(), 5, "told twice, each waits once");
    assert_eq!(states(&platform, &ids[7..12]).await, [BadgeState::Active; 5]);

    // The first to be released takes two different people and a reason.
    let (id, subject) = (held[0].id.as_str(), held[0].subject.clone());
    let release = Decision::Release;
    let silent = decide(&platform, &first, id, release, " ").await;
    assert!(matches!(silent, Err(DecisionError::NoReason)));
    assert_eq!(decide(&platform, &first, id, release, "맞음").await.unwrap(), Decided::First);
    let same = decide(&platform, &first, id, release, "맞음").await;
    assert!(matches!(same, Err(DecisionError::SamePerson)), "{same:?}");
    assert_eq!(badge_state(&platform, &subject).await.0, BadgeState::Active);
    assert_eq!(decide(&platform, &second, id, release, "맞음").await.unwrap(), Decided::Released);
    assert_eq!(badge_state(&platform, &subject).await, (BadgeState::Revoked, Reason::EmploymentEnded));
    let late = decide(&platform, &second, id, release, "맞음").await;
    assert!(matches!(late, Err(DecisionError::Unknown)));

    // One is dropped; of one the source takes its word back; the rest waits.
    assert_eq!(
        decide(&platform, &first, &held[1].id, Decision::Drop, "잘못 보냄").await.unwrap(),
        Decided::Dropped
    );
    platform.clock.advance_ms(1_000);
    assert_eq!(tell(&platform, &held[2].subject, EmployeeStatus::Serving).await, Saved::Changed);
    let left = waiting(&platform, &reach).await.unwrap();
    assert_eq!(left.len(), 2);
    for id in &held[1..] {
        assert_eq!(badge_state(&platform, &id.subject).await.0, BadgeState::Active);
    }
    assert_eq!(audited(&platform, "employment.held").await, 5);
    assert_eq!(audited(&platform, "employment.held_released").await, 1);
}

#[tokio::test]
async fn nobody_releases_their_own_retirement_or_that_of_an_agency_out_of_reach() {
    let platform = platform().await;
    let ids = platform.people(25).await;
    badges(&platform, &ids[0..20]).await;
    let (own, other) = (manager(&platform, &ids[9]).await, platform.people(26).await[25].clone());
    file(&platform, 2..12, "퇴직").await;
    let held = waiting(&platform, &["9000001".to_owned()]).await.unwrap();
    let mine = held.iter().find(|held| held.subject == ids[9]).expect("held");
    let refused = decide(&platform, &own, &mine.id, Decision::Release, "x").await;
    assert!(matches!(refused, Err(DecisionError::Own)));
    let login = staff::Login::new("elsewhere").unwrap();
    let password = staff::Password::new("a long enough word".to_owned()).unwrap();
    staff::add(&platform, login, &other, password, "test").await.unwrap();
    staff::grant(&platform, &other, Duty::HrManager, "9000002", "test").await.unwrap();
    let elsewhere = staff::actor_for_tests(&platform, &other).await;
    let refused = decide(&platform, &elsewhere, &mine.id, Decision::Drop, "x").await;
    assert!(matches!(refused, Err(DecisionError::Unknown)), "not there and not theirs are one answer");
}

#[tokio::test]
async fn sources_that_push_at_once_share_one_count() {
    let platform = platform().await;
    let ids = platform.people(25).await;
    badges(&platform, &ids[2..22]).await;
    let pushes = ids[2..22].iter().map(|id| tell(&platform, id, EmployeeStatus::Retired));
    let saved = futures::future::join_all(pushes).await;
    assert_eq!(saved.iter().filter(|saved| **saved == Saved::Changed).count(), 5);
    assert_eq!(saved.iter().filter(|saved| **saved == Saved::Held).count(), 15);
    platform.clock.advance_ms(crate::operations::limits::EMPLOYMENT_WINDOW.get());
    let held = saved.iter().position(|saved| *saved == Saved::Held).expect("one that waits");
    let next_day = tell(&platform, &ids[2 + held], EmployeeStatus::Retired).await;
    assert_eq!(next_day, Saved::Changed, "the next day");
}

#[tokio::test]
async fn excluding_an_agency_waits_and_then_ends_its_badges_one_after_the_other() {
    let platform = platform().await;
    let ids = platform.people(25).await;
    badges(&platform, &ids[2..12]).await;
    let (first, second) = (manager(&platform, &ids[0]).await, manager(&platform, &ids[1]).await);
    let text = demo_data::agencies_csv()
        .replace("중앙,,Y,,,1,2026-01-05,2026-01-01", "중앙,,N,국가 보안,,1,2026-01-05,2026-11-24");
    let path = std::env::temp_dir().join(format!("mapae-exclude-{}.csv", crate::operations::id::new()));
    std::fs::write(&path, text).unwrap();
    let options = Options { dry_run: false, source: "csv".into(), actor: "operator".into() };
    let report = import(&platform.platform, &path, &options, &mut |_, _| {}).await.unwrap();
    assert_eq!((report.held, report.changed), (1, 1), "the agency without a badge is excluded at once");
    let held = waiting(&platform, &["9000001".to_owned()]).await.unwrap();
    assert_eq!((held.len(), held[0].event), (1, Event::Exclusion));
    while exclusion::round(&platform.platform).await.unwrap() {}
    assert_eq!(states(&platform, &ids[2..12]).await, [BadgeState::Active; 10]);
    decide(&platform, &first, &held[0].id, Decision::Release, "결정").await.unwrap();
    assert_eq!(
        decide(&platform, &second, &held[0].id, Decision::Release, "결정").await.unwrap(),
        Decided::Released
    );
    while exclusion::round(&platform.platform).await.unwrap() {}
    assert_eq!(states(&platform, &ids[2..12]).await, [BadgeState::Revoked; 10]);
    assert_eq!(badge_state(&platform, &ids[2]).await.1, Reason::Excluded);
}

#[tokio::test]
async fn a_move_to_another_department_asks_its_head_and_a_new_number_the_checker() {
    let platform = platform().await;
    let ids = platform.people(25).await;
    let (application, _) = application::apply(&platform, &ids[5], asked()).await.unwrap();
    let state = async || application::find(&platform.store, &application.id).await.unwrap().unwrap().state;
    assert_eq!(state().await, State::Submitted);
    let (line, _) = line_of(&platform, &ids[5]).await.unwrap().unwrap();
    let moved = EmployeeLine { department_code: "D0077".to_owned(), ..line };
    assert_eq!(told(&platform, moved.clone()).await, Saved::Changed);
    assert_eq!(state().await, State::Draft, "the new head decides");
    let id = application.id.clone();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute("UPDATE application SET state = 'identity_checked' WHERE id = $1", params![id])
                    .await
            })
        })
        .await
        .unwrap();
    platform.clock.advance_ms(1);
    let (line, _) = line_of(&platform, &ids[5]).await.unwrap().unwrap();
    let line = EmployeeLine { phone: "01099998888".to_owned(), ..line };
    assert_eq!(told(&platform, line).await, Saved::Changed);
    assert_eq!(state().await, State::HeadApproved, "the checker has to see the new number");
}
