//! Periods in the database: from changes of the record by every way, and from HR's own list.

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};

use super::career;
use crate::lifecycle::By;
use crate::operations::Language;
use crate::operations::store::{Tx, params};
use crate::personnel::import::{Options, Report, import};
use crate::personnel::{
    EmployeeLine, EmployeeStatus, PersonnelError, Saved, Told, career_claims, demo_data, line_of, moment,
    write_line,
};
use crate::testing::{TestPlatform, platform};

const HEADINGS: &str = "기관코드,공무원번호,시작일,종료일,발령구분,기관명,부서명,직위,직급\n";

fn nothing_beside<'t>(_: &'t mut Tx, _: Saved, _: &'t str) -> BoxFuture<'t, Result<(), PersonnelError>> {
    Box::pin(async { Ok(()) })
}

/// The record of one person, in effect from a day on.
async fn says(
    platform: &TestPlatform,
    id: &str,
    day: &str,
    change: impl FnOnce(EmployeeLine) -> EmployeeLine,
) -> Saved {
    let (line, _) = line_of(platform, id).await.unwrap().unwrap();
    let line = EmployeeLine { effective_at: moment::moment(day).unwrap(), ..change(line) };
    let by = By { actor: "hr".to_owned(), duty: "hr_system".to_owned() };
    write_line(&platform.platform, line, Told::line(by, "test"), nothing_beside).await.unwrap().0
}

fn department(code: &str) -> impl FnOnce(EmployeeLine) -> EmployeeLine {
    let code = code.to_owned();
    move |line| {
        let department = crate::personnel::Named { ko: format!("예시{code}과"), en: String::new() };
        EmployeeLine { department_code: code, department, ..line }
    }
}

fn status(status: EmployeeStatus) -> impl FnOnce(EmployeeLine) -> EmployeeLine {
    move |line| EmployeeLine { status, ..line }
}

async fn posts(platform: &TestPlatform, id: &str) -> Vec<String> {
    let posts = career(platform, id).await.unwrap();
    let ko = Language::Ko;
    posts
        .iter()
        .map(|post| format!("{} {} {} {}", post.days(ko), post.department.ko, post.rank.ko, post.kinds(ko)))
        .collect()
}

async fn file(platform: &TestPlatform, lines: &str, dry_run: bool) -> Report {
    let path = std::env::temp_dir().join(format!("mapae-posts-{}.csv", crate::operations::id::new()));
    std::fs::write(&path, format!("{HEADINGS}{lines}")).unwrap();
    let options = Options { dry_run, source: "csv".into(), actor: "operator".into() };
    let report = import(&platform.platform, &path, &options, &mut |_, _| {}).await.unwrap();
    std::fs::remove_file(path).unwrap();
    report
}

async fn rows(platform: &TestPlatform) -> i64 {
    let row = platform.store.fetch_one("SELECT COUNT(*) AS n FROM personnel_post", params![]).await.unwrap();
    row.int("n").unwrap()
}

#[tokio::test]
async fn each_change_of_the_record_closes_a_post_and_opens_the_next() {
    let platform = platform().await;
    let ids = platform.people(6).await;
    let id = &ids[5];
    assert_eq!(posts(&platform, id).await, ["2026-01-01 ~ 현재 기획조정실 7급 기록 시작"]);
    for (day, saved) in [("2026-03-01", Saved::Changed), ("2026-04-01", Saved::Unchanged)] {
        assert_eq!(says(&platform, id, day, department("A")).await, saved);
    }
    let promoted = |line: EmployeeLine| {
        let rank = crate::personnel::Named { ko: "6급".to_owned(), en: "Grade 6".to_owned() };
        EmployeeLine { rank, ..line }
    };
    says(&platform, id, "2026-05-01", promoted).await;
    says(&platform, id, "2026-06-01", |line| EmployeeLine { phone: "01099998888".to_owned(), ..line }).await;
    says(&platform, id, "2026-07-01", status(EmployeeStatus::Leave)).await;
    says(&platform, id, "2026-09-01", status(EmployeeStatus::Serving)).await;
    says(&platform, id, "2026-11-01", status(EmployeeStatus::Retired)).await;
    let told = [
        "2026-01-01 ~ 2026-02-28 기획조정실 7급 기록 시작",
        "2026-03-01 ~ 2026-04-30 예시A과 7급 전보",
        "2026-05-01 ~ 2026-06-30 예시A과 6급 승진",
        "2026-07-01 ~ 2026-08-31 예시A과 6급 휴직",
        "2026-09-01 ~ 2026-10-31 예시A과 6급 복직",
        "2026-11-01 예시A과 6급 퇴직",
    ];
    assert_eq!(posts(&platform, id).await, told);
    // Late or again: nothing new.
    assert_eq!(says(&platform, id, "2026-11-01", status(EmployeeStatus::Retired)).await, Saved::Unchanged);
    assert_eq!(says(&platform, id, "2026-07-01", status(EmployeeStatus::Leave)).await, Saved::Older);
    assert_eq!(posts(&platform, id).await, told);
    let claims = career_claims(&career(&platform, id).await.unwrap(), platform.now_ms());
    assert!(!claims.contains_key("first_appointed"), "nobody said so");
    assert_eq!(claims["service"]["ko"], "10개월 (휴직 2개월 포함) (2026-01-01부터의 기록 기준)");
    assert_eq!(claims["service"]["en"], "10 mo (2 mo of it on leave) (as recorded since 2026-01-01)");
    says(&platform, id, "2026-11-20", status(EmployeeStatus::Serving)).await;
    let back = posts(&platform, id).await;
    assert!(back.last().unwrap().ends_with("재임용") && back.len() == 7, "{back:?}");
}

#[tokio::test]
async fn a_late_word_goes_between_and_the_record_stays_as_it_is() {
    let platform = platform().await;
    let ids = platform.people(6).await;
    let id = &ids[5];
    assert_eq!(says(&platform, id, "2026-08-01", department("C")).await, Saved::Changed);
    for _ in 0..2 {
        assert_eq!(says(&platform, id, "2026-04-01", department("B")).await, Saved::Older);
        let told = [
            "2026-01-01 ~ 2026-03-31 기획조정실 7급 기록 시작",
            "2026-04-01 ~ 2026-07-31 예시B과 7급 전보",
            "2026-08-01 ~ 현재 예시C과 7급 전보",
        ];
        assert_eq!(posts(&platform, id).await, told);
    }
    // A department that is called something else from now on: the post that goes on is, the one that ended is not.
    says(&platform, &ids[4], "2026-08-02", |line| {
        let department = crate::personnel::Named { ko: "예시새과".to_owned(), en: String::new() };
        EmployeeLine { department_code: "C".to_owned(), department, ..line }
    })
    .await;
    assert!(posts(&platform, id).await[2].contains("예시새과"));
}

#[tokio::test]
async fn many_sources_at_once_leave_one_line_of_posts() {
    let platform = platform().await;
    let ids = platform.people(6).await;
    let id = &ids[5];
    let told = (0..24_u32).map(|n| {
        let (platform, id) = (&platform, id.as_str());
        async move {
            says(platform, id, &format!("2026-{:02}-01", 2 + n % 9), department(&format!("R{}", n % 5))).await
        }
    });
    join_all(told).await;
    let posts = career(&platform, id).await.unwrap();
    assert!(posts.len() > 1, "{posts:?}");
    assert!(posts.windows(2).all(|two| two[0].until == Some(two[1].from - 1)), "{posts:?}");
    assert_eq!(posts.iter().filter(|post| post.until.is_none()).count(), 1);
    let record = crate::personnel::employee(&platform, id).await.unwrap().unwrap();
    assert_eq!(posts.last().unwrap().department.ko, record.department.ko, "the last one is the record's");
}

#[tokio::test]
async fn earlier_posts_lead_up_to_the_record_and_a_second_import_changes_nothing() {
    let platform = platform().await;
    let ids = platform.people(6).await;
    let id = &ids[5];
    // As systems list appointments, in any order and without last days; the last is the post that the record is in.
    let lines = "9000001,EX00000005,2018-07-01,,승진,예시옛부,예시전산과,주무관,8급\n\
                 9000001,EX00000005,2015-03-02,,임용,예시옛부,예시전산과,주무관,9급\n\
                 9000001,EX00000005,2022-01-01,,전입,예시행정부,기획조정실,주무관,7급\n";
    let report = file(&platform, lines, true).await;
    assert_eq!((report.kind, report.new, report.bad), ("posts", 3, 0));
    assert_eq!(rows(&platform).await, 6, "a dry run writes nothing");
    let report = file(&platform, lines, false).await;
    assert_eq!((report.new, report.bad), (3, 0), "{:?}", report.bad_lines);
    let told = [
        "2015-03-02 ~ 2018-06-30 예시전산과 9급 임용",
        "2018-07-01 ~ 2021-12-31 예시전산과 8급 승진",
        "2022-01-01 ~ 현재 기획조정실 7급 전입",
    ];
    assert_eq!(posts(&platform, id).await, told);
    let report = file(&platform, lines, false).await;
    assert_eq!((report.unchanged, report.new, report.changed), (3, 0, 0));
    let claims = career_claims(&career(&platform, id).await.unwrap(), platform.now_ms());
    assert_eq!(claims["first_appointed"], "2015-03-02");
    assert_eq!(claims["service"]["ko"], "11년 8개월", "to the 24th of November 2026");
    assert_eq!(claims["posts"][1], "2018-07-01 ~ 2021-12-31 예시옛부 예시전산과 주무관 / 8급 (승진)");
    // What was wrong is taken back.
    let report = file(&platform, "9000001,EX00000005,2018-07-01,,삭제,,,,\n", false).await;
    assert_eq!(report.changed, 1, "{:?}", report.bad_lines);
    assert_eq!(posts(&platform, id).await[0], "2015-03-02 ~ 2021-12-31 예시전산과 9급 임용");
}

#[tokio::test]
async fn each_bad_line_of_posts_is_told_and_the_good_ones_go_in() {
    let platform = platform().await;
    platform.people(6).await;
    let lines = "9000001,EX00000005,2015-03-02,2018-02-28,임용,예시부,예시과,주무관,9급\n\
                 9000001,EX00000005,2015-02-30,,임용,예시부,예시과,주무관,9급\n\
                 9000001,EX00000005,2014-03-02,2014-01-01,임용,예시부,예시과,주무관,9급\n\
                 9000001,EX00000005,2127-03-02,,임용,예시부,예시과,주무관,9급\n\
                 9000001,EX00000005,2014-03-02,,발탁,예시부,예시과,주무관,9급\n\
                 9000001,EX00000005,2014-03-02,,임용,,예시과,주무관,9급\n\
                 9000001,EX99999999,2014-03-02,,임용,예시부,예시과,주무관,9급\n\
                 9000001,EX00000005,2016-03-02,2016-04-01,전보,예시부,예시다른과,주무관,9급\n\
                 9000001,EX00000005,2026-05-01,,전보,예시부,예시다른과,주무관,9급\n\
                 9000001,EX00000005,2018-03-01,,승진,예시부,예시과,주무관,8급\n";
    let report = file(&platform, lines, false).await;
    let mut told: Vec<(u64, &str, &str)> =
        report.bad_lines.iter().map(|bad| (bad.line, bad.column.as_str(), bad.code)).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            (3, "시작일", "personnel.import.date"),
            (4, "종료일", "personnel.import.until_before_from"),
            (5, "시작일", "personnel.import.future"),
            (6, "발령구분", "personnel.import.appointment"),
            (7, "기관명", "personnel.import.empty"),
            (8, "공무원번호", "personnel.import.unknown_employee"),
            (9, "시작일", "personnel.import.overlaps"),
            (10, "시작일", "personnel.import.overlaps"),
        ]
    );
    assert!(report.bad_lines.iter().all(|bad| bad.reason.ko != bad.code), "each has a message");
    assert_eq!((report.lines, report.new, report.bad), (10, 2, 8));
}

#[tokio::test]
async fn the_demo_people_have_careers_that_begin_with_an_appointment() {
    let platform = platform().await;
    let ids = platform.people(200).await;
    let folder = std::env::temp_dir().join(format!("mapae-posts-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = crate::personnel::cli::write_demo_posts(&folder, 200).unwrap();
    let options = Options { dry_run: false, source: "demo".into(), actor: "operator".into() };
    let report = import(&platform.platform, &path, &options, &mut |_, _| {}).await.unwrap();
    assert_eq!(report.bad, 0, "{:?}", report.bad_lines);
    let again = import(&platform.platform, &path, &options, &mut |_, _| {}).await.unwrap();
    assert_eq!((again.unchanged, again.bad), (report.lines, 0));
    std::fs::remove_dir_all(&folder).unwrap();
    for (n, id) in ids.iter().enumerate() {
        let told = posts(&platform, id).await;
        assert!(told[0].ends_with("임용") && told.last().unwrap().contains("~ 현재"), "{n}: {told:?}");
        assert!(!told.iter().any(|post| post.contains("기록 시작")), "{n}: {told:?}");
    }
}

#[tokio::test]
async fn a_file_that_says_when_somebody_was_appointed_begins_the_history_with_it() {
    let platform = platform().await;
    platform.people(2).await;
    let headings = demo_data::EMPLOYEE_HEADINGS.replace("기준일시", "기준일시,임용일");
    let line = |appointed: &str| {
        let line = demo_data::employee_csv(3).replace("2026-01-01\n", "2026-02-02");
        format!("{headings}{line},{appointed}\n")
    };
    for (appointed, told) in [("", "기록 시작"), ("2020-01-01", "기록 시작"), ("2026-02-02", "임용")]
    {
        let path = std::env::temp_dir().join(format!("mapae-hire-{}.csv", crate::operations::id::new()));
        std::fs::write(&path, line(appointed)).unwrap();
        let options = Options { dry_run: false, source: "csv".into(), actor: "operator".into() };
        let report = import(&platform.platform, &path, &options, &mut |_, _| {}).await.unwrap();
        assert_eq!(report.bad, 0, "{:?}", report.bad_lines);
        std::fs::remove_file(path).unwrap();
        let person = demo_data::person(3);
        let found =
            crate::personnel::employee_by_number(&platform, person.agency, &person.number).await.unwrap();
        let posts = posts(&platform, &found.unwrap().id).await;
        assert!(
            posts.len() == 1 && posts[0].starts_with("2026-02-02") && posts[0].ends_with(told),
            "{posts:?}"
        );
    }
}

#[tokio::test]
async fn a_record_from_before_there_were_posts_begins_with_what_it_says() {
    let platform = platform().await;
    let ids = platform.people(6).await;
    let store = &platform.store;
    let cleared: Result<u64, crate::operations::StoreError> = store
        .write(|tx| Box::pin(async move { tx.execute("DELETE FROM personnel_post", params![]).await }))
        .await;
    assert_eq!(cleared.unwrap(), 6);
    assert_eq!(posts(&platform, &ids[5]).await, ["2026-01-01 ~ 현재 기획조정실 7급 기록 시작"]);
    says(&platform, &ids[5], "2026-06-01", department("A")).await;
    let told = posts(&platform, &ids[5]).await;
    assert_eq!((told.len(), rows(&platform).await), (2, 2), "{told:?}");
    assert!(told[0].contains("~ 2026-05-31 기획조정실"), "{told:?}");
}

#[tokio::test]
async fn a_post_lies_sealed_to_its_row() {
    let platform = platform().await;
    let ids = platform.people(3).await;
    says(&platform, &ids[2], "2026-06-01", department("A")).await;
    let rows = platform.store.fetch_all("SELECT id, sealed FROM personnel_post", params![]).await.unwrap();
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let (id, sealed) = (row.text("id").unwrap(), row.bytes("sealed").unwrap());
        for secret in ["기획조정실", "예시A과", "주무관", "급"] {
            assert!(!sealed.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
        let opened = rows.iter().filter(|row| {
            let id = row.text("id").unwrap();
            platform.sealer.open("personnel_post", "sealed", &id, &sealed).is_ok()
        });
        assert_eq!(opened.count(), 1, "{id}");
    }
    let other = Arc::clone(&platform.platform);
    assert!(career(&other, "nobody").await.is_err());
}
