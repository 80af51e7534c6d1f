//! The statistics agree with the database, show each duty its own agencies, and can't be turned against a spreadsheet.

use super::*;
use crate::application::tests::{AUDITOR, COLLEAGUE, HEAD, HR_ONE, OFFICIAL, STRANGER, town};
use crate::application::{Decision, Step, decide};
use crate::pages::csv_cell;

fn fact(html: &str, key: &str) -> i64 {
    let (_, rest) = html.split_once(&format!("<dt>{key}</dt><dd")).expect(key);
    let digits: String =
        rest.split_once('>').unwrap().1.chars().take_while(|letter| letter.is_ascii_digit()).collect();
    digits.parse().unwrap()
}

#[tokio::test]
async fn who_applied_and_who_waits_is_counted_once_each() {
    let town = town().await;
    let first = town.applied(OFFICIAL).await;
    town.applied(COLLEAGUE).await;
    let head = town.actor(HEAD).await;
    let no = Decision::Reject { reason: "예시".to_owned() };
    decide(&town, &head, &first.id, Step::HeadApproval, no).await.unwrap();
    town.applied(OFFICIAL).await;
    let page = Desk::of(&town, HR_ONE).await.read("/statistics").await;
    assert_eq!((fact(&page, "신청"), fact(&page, "발급"), fact(&page, "진행 중")), (2, 0, 2));
    let row = town
        .store
        .fetch_one(
            "SELECT COUNT(*) AS people FROM employee WHERE status = 'serving' AND agency_code IN \
             (SELECT agency_code FROM employee WHERE id = $1)",
            crate::operations::store::params![town.id(HR_ONE).await],
        )
        .await
        .unwrap();
    assert!(fact(&page, "대상") >= row.int("people").unwrap(), "{page}");
    town.clock.advance_ms(crate::operations::limits::DESK_STATISTICS.get());
    let stranger = Desk::of(&town, STRANGER).await.read("/statistics").await;
    assert_eq!(fact(&stranger, "신청"), 0, "another agency's figures are not theirs");
}

#[tokio::test]
async fn figures_are_kept_for_a_minute_then_counted_beside_the_readers_and_never_shown_when_very_old() {
    let town = town().await;
    let desk = Desk::of(&town, AUDITOR).await;
    assert_eq!(fact(&desk.read("/statistics").await, "신청"), 0);
    town.applied(OFFICIAL).await;
    assert_eq!(fact(&desk.read("/statistics").await, "신청"), 0, "counted at most once a minute");
    town.clock.advance_ms(crate::operations::limits::DESK_STATISTICS.get());
    assert_eq!(fact(&desk.read("/statistics").await, "신청"), 0, "nobody waits for the count");
    let counted = async {
        while fact(&desk.read("/statistics").await, "신청") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), counted).await.unwrap();
    town.applied(COLLEAGUE).await;
    town.clock.advance_ms(crate::operations::limits::DESK_STATISTICS_STALE.get());
    assert_eq!(fact(&desk.read("/statistics").await, "신청"), 2, "so old figures are not shown");
}

#[tokio::test]
async fn the_table_comes_as_csv_that_runs_nothing() {
    let town = town().await;
    let visit = Desk::of(&town, HR_ONE).await.get("/statistics.csv").await;
    assert_eq!(visit.headers[http::header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let mut lines = visit.body.trim_start_matches('\u{feff}').lines();
    assert_eq!(lines.next(), Some("기관,기관 코드,단계,대상,신청,발급,진행 중,기준 시각"));
    assert!(lines.next().is_some());
    for (cell, safe) in [
        ("=cmd|'/c calc'!A1", "\"'=cmd|'/c calc'!A1\""),
        ("+82", "\"'+82\""),
        ("@SUM(A1)", "\"'@SUM(A1)\""),
        ("-1", "\"'-1\""),
        ("\t=1", "\"'\t=1\""),
        ("＝1", "\"'＝1\""),
        ("예시, \"갑\"", "\"예시, \"\"갑\"\"\""),
        ("예시부", "예시부"),
    ] {
        assert_eq!(csv_cell(cell), safe);
    }
}

#[tokio::test]
async fn an_auditor_reads_what_was_done_in_their_agencies_and_that_is_recorded_too() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    crate::audit::number_all_for_tests(&town).await;
    let auditor = Desk::of(&town, AUDITOR).await;
    let page = auditor.read("/audit-log?act=application").await;
    assert!(page.contains(&application.id), "{page}");
    let csv = auditor.read("/audit-log.csv?act=application").await;
    assert!(csv.contains(&application.id) && !csv.contains("부탁합니다"), "personal parts stay sealed");
    assert!(!auditor.read("/audit-log?act=badge").await.contains(&application.id));
    let refused = Desk::of(&town, HR_ONE).await.get("/audit-log").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let reads = town
        .store
        .fetch_one(
            "SELECT COUNT(*) AS looks FROM audit_record WHERE act IN ('audit.read', 'audit.exported')",
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(reads.int("looks").unwrap(), 3);
}
