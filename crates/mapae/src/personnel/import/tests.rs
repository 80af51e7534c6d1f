use std::path::PathBuf;

use super::*;
use crate::personnel::{
    EmployeeStatus, approvers, badge_claims, demo_data, department, eligibility, employee,
    employee_by_number, matches_identity,
};
use crate::testing::{self, TestPlatform};

const HEADINGS: &str =
    "기관코드,부서코드,부서명,공무원번호,성명,주민등록번호,생년월일,휴대전화,직위,재직상태,보직,기준일시\n";

fn options() -> Options {
    Options { dry_run: false, source: "csv".into(), actor: "test".into() }
}

fn file(bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mapae-import-{}.csv", crate::operations::id::new()));
    std::fs::write(&path, bytes).expect("write");
    path
}

async fn import_bytes(platform: &TestPlatform, bytes: impl AsRef<[u8]>) -> Result<Report, ImportError> {
    import(platform, &file(bytes), &options(), &mut |_, _| {}).await
}

async fn with_agencies() -> TestPlatform {
    let platform = testing::platform().await;
    assert_eq!(import_bytes(&platform, demo_data::agencies_csv()).await.expect("agencies").new, 15);
    platform
}

fn line(number: &str, name: &str, position: &str, effective: &str) -> String {
    format!(
        "9000001,D1,예시과,{number},{name},700101-9000001,1970-01-01,010-1234-5678,{position},재직,,{effective}\n"
    )
}

async fn found(platform: &TestPlatform, number: &str) -> Option<crate::personnel::Employee> {
    employee_by_number(platform, "9000001", number).await.expect("lookup")
}

#[tokio::test]
async fn utf8_with_and_without_bom_and_cp949_tell_the_same() {
    let text = format!("{HEADINGS}{}", line("A1", "김예시똠", "사무관", "2026-01-01"));
    let with_bom = format!("\u{feff}{text}");
    let (cp949, _, lost) = encoding_rs::EUC_KR.encode(&text);
    assert!(!lost, "똠 is in CP949, not in old EUC-KR");
    for (bytes, encoding) in [
        (text.clone().into_bytes(), "UTF-8"),
        (with_bom.into_bytes(), "UTF-8 (BOM)"),
        (cp949.into_owned(), "CP949"),
    ] {
        let platform = with_agencies().await;
        let report = import_bytes(&platform, bytes).await.expect("import");
        assert_eq!((report.encoding, report.new, report.bad), (encoding, 1, 0), "{:?}", report.bad_lines);
        assert_eq!(found(&platform, "A1").await.expect("stored").name.ko, "김예시똠");
    }
}

#[tokio::test]
async fn each_bad_row_is_told_with_line_column_and_reason_and_the_good_ones_go_in() {
    let platform = with_agencies().await;
    let mut text = HEADINGS.to_owned();
    text.push_str(&line("A1", "김예시일", "사무관", "2026-01-01"));
    text.push_str("9000001,D1,예시과,A2,,700101-9000001,1970-01-01,01012345678,,재직,,\n");
    text.push_str("9000001,D1,예시과,A3,김예시이,700101-900000,1970-01-01,01012345678,,재직,,\n");
    text.push_str("9000001,D1,예시과,A4,김예시삼,,1970-02-30,01012345678,,재직,,\n");
    text.push_str("9000001,D1,예시과,A5,김예시사,,1970-01-01,02-123-4567,,재직,,\n");
    text.push_str("9999999,D1,예시과,A6,김예시오,,1970-01-01,01012345678,,재직,,\n");
    text.push_str("9000001,D1,예시과,A7,김예시육,,1970-01-01,01012345678,,쉼,,\n");
    text.push_str("9000001,D1,too few cells\n");
    text.push_str("9000001,D1,예시과,A8,김예시칠,,1970-01-01,01012345678,,재직,,2127-01-01\n");
    text.push_str(&line("A9", "김예시팔", "사무관", "2026-01-01"));
    let report = import_bytes(&platform, text).await.expect("import");
    assert_eq!((report.lines, report.new, report.bad), (10, 2, 8));
    let mut told: Vec<(u64, &str, &str)> =
        report.bad_lines.iter().map(|bad| (bad.line, bad.column.as_str(), bad.code)).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            (3, "성명", "personnel.import.empty"),
            (4, "주민등록번호", "personnel.import.rrn"),
            (5, "생년월일", "personnel.import.date"),
            (6, "휴대전화", "personnel.import.phone"),
            (7, "기관코드", "personnel.import.unknown_agency"),
            (8, "재직상태", "personnel.import.status"),
            (9, "", "personnel.import.width"),
            (10, "기준일시", "personnel.import.future"),
        ]
    );
    for bad in &report.bad_lines {
        assert_ne!(bad.reason.ko, bad.code, "{} has a message", bad.code);
        assert!(!bad.reason.ko.contains("김예시"), "no value is repeated");
    }
}

#[tokio::test]
async fn a_dry_run_judges_everything_and_writes_nothing() {
    let platform = with_agencies().await;
    let text = format!(
        "{HEADINGS}{}{}",
        line("A1", "김예시일", "사무관", "2026-01-01"),
        line("A2", "", "사무관", "2026-01-01")
    );
    let dry = Options { dry_run: true, ..options() };
    let report = import(&platform, &file(&text), &dry, &mut |_, _| {}).await.expect("dry run");
    assert_eq!((report.new, report.bad), (1, 1));
    for table in [
        "SELECT id AS x FROM employee",
        "SELECT id AS x FROM department",
        "SELECT source AS x FROM personnel_import WHERE source = 'csv' AND lines_done > 15",
    ] {
        assert!(platform.store.fetch_all(table, params![]).await.expect("rows").is_empty(), "{table}");
    }
    let report = import_bytes(&platform, text).await.expect("import");
    assert_eq!((report.new, report.bad), (1, 1), "the dry run told the truth");
}

#[tokio::test]
async fn the_same_file_twice_changes_nothing_and_a_changed_row_changes_that_row() {
    let platform = with_agencies().await;
    let row = |position| format!("{HEADINGS}{}", line("A1", "김예시일", position, "2026-01-01"));
    assert_eq!(import_bytes(&platform, row("사무관")).await.expect("first").new, 1);
    let before = platform.store.fetch_one("SELECT personal FROM employee", params![]).await.expect("row");
    let again = import_bytes(&platform, row("사무관")).await.expect("again");
    assert_eq!((again.new, again.changed, again.unchanged), (0, 0, 1));
    let after = platform.store.fetch_one("SELECT personal FROM employee", params![]).await.expect("row");
    assert_eq!(
        before.bytes("personal").expect("a"),
        after.bytes("personal").expect("b"),
        "not even sealed again"
    );
    assert_eq!(import_bytes(&platform, row("서기관")).await.expect("changed").changed, 1);
    assert_eq!(found(&platform, "A1").await.expect("stored").position.ko, "서기관");
}

#[tokio::test]
async fn an_older_row_never_overwrites_a_newer_one() {
    let platform = with_agencies().await;
    let row = |position, effective| format!("{HEADINGS}{}", line("A1", "김예시일", position, effective));
    import_bytes(&platform, row("서기관", "2026-06-01")).await.expect("newer");
    let report = import_bytes(&platform, row("사무관", "2026-05-31")).await.expect("older");
    assert_eq!((report.changed, report.older), (0, 1));
    assert_eq!(found(&platform, "A1").await.expect("stored").position.ko, "서기관");

    let agency = |name, effective| {
        format!("기관코드,기관명,구분,발급대상,기준일시\n9000001,{name},중앙,Y,{effective}\n")
    };
    assert_eq!(import_bytes(&platform, agency("예시옛행정부", "2025-01-01")).await.expect("older").older, 1);
    assert_eq!(
        import_bytes(&platform, agency("예시새행정부", "2026-02-01")).await.expect("newer").changed,
        1
    );
    assert_eq!(found(&platform, "A1").await.expect("stored").agency.name.ko, "예시새행정부");
}

/// Many lines go into one statement; what one file says of the same number counts line by line all the same.
#[tokio::test]
async fn a_file_that_speaks_of_one_number_again_is_read_in_its_order() {
    let platform = with_agencies().await;
    let elsewhere = line("A1", "박예시일", "주무관", "2026-01-01").replacen("9000001", "9000002", 1);
    let text = [
        HEADINGS,
        &line("A1", "김예시일", "주무관", "2026-01-01"),
        &line("A2", "김예시이", "주무관", "2026-01-01"),
        &elsewhere,
        &line("A1", "김예시일", "사무관", "2026-03-01"),
        &line("A1", "김예시일", "서기관", "2026-02-01"),
        &line("A2", "김예시이", "주무관", "2026-01-01"),
        &line("A3", "김예시삼", "주무관", "2026-01-01"),
    ]
    .concat();
    let report = import_bytes(&platform, text).await.expect("import");
    let told = (report.new, report.changed, report.older, report.unchanged, report.bad);
    assert_eq!(told, (4, 1, 1, 1, 0));
    let position = |employee: crate::personnel::Employee| employee.position.ko;
    assert_eq!(position(found(&platform, "A1").await.expect("stored")), "사무관");
    let other = employee_by_number(&platform, "9000002", "A1").await.expect("lookup").expect("stored");
    assert_eq!(other.name.ko, "박예시일", "the number is another agency's own");
}

#[tokio::test]
async fn who_is_absent_from_a_file_stays_as_they_are() {
    let platform = with_agencies().await;
    let both = format!(
        "{HEADINGS}{}{}",
        line("A1", "김예시일", "", "2026-01-01"),
        line("A2", "김예시이", "", "2026-01-01")
    );
    import_bytes(&platform, both).await.expect("both");
    let one = format!("{HEADINGS}{}", line("A1", "김예시일", "과장", "2026-02-01"));
    import_bytes(&platform, one).await.expect("one");
    assert_eq!(found(&platform, "A2").await.expect("still there").status, EmployeeStatus::Serving);
}

#[tokio::test]
async fn an_interrupted_import_goes_on_where_its_last_commit_ended() {
    let platform = with_agencies().await;
    let mut text = HEADINGS.to_owned();
    for n in 0..1_200 {
        text.push_str(&line(&format!("A{n}"), "김예시일", "", "2026-01-01"));
    }
    let path = file(&text);
    let mut committed = 0;
    {
        let inner = Arc::clone(&platform.platform);
        let options = options();
        let (told, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let path = path.clone();
        let running = tokio::spawn(async move {
            import(&inner, &path, &options, &mut |_, lines| told.send(lines).expect("told")).await
        });
        while committed == 0 {
            committed = lines.recv().await.expect("progress");
        }
        running.abort(); // the process is killed after its first commits
        let _ = running.await;
    }
    let report = import(&platform, &path, &options(), &mut |_, _| {}).await.expect("second run");
    assert!(report.resumed_after >= committed, "{} < {committed}", report.resumed_after);
    assert_eq!(report.lines, 1_200);
    let row = platform.store.fetch_one("SELECT COUNT(*) AS n FROM employee", params![]).await.expect("count");
    assert_eq!(row.int("n").expect("n"), 1_200);
    assert!(report.longest_commit_ms < 1_000, "{}", report.longest_commit_ms);
}

#[tokio::test]
async fn unknown_doubled_and_missing_columns_stop_the_import_before_it_begins() {
    let platform = testing::platform().await;
    for (headings, code) in [
        ("기관코드,색깔\n", "personnel.import.unknown_column"),
        ("기관코드,기관코드\n", "personnel.import.double_column"),
        ("기관코드,성명,공무원번호\n", "personnel.import.missing_column"),
    ] {
        match import_bytes(&platform, headings).await {
            Err(ImportError::Headings(bad)) => assert_eq!(bad.code, code),
            other => panic!("{headings}: {other:?}"),
        }
    }
    assert!(matches!(import_bytes(&platform, "").await, Err(ImportError::Empty)));
}

#[tokio::test]
async fn a_quote_that_is_left_open_does_not_swallow_the_file() {
    let platform = with_agencies().await;
    let mut text = format!("{HEADINGS}9000001,D1,\"예시과,");
    text.push_str(&"가".repeat(400_000));
    let error = import_bytes(&platform, text).await.expect_err("refused");
    assert!(error.to_string().contains("too long"), "{error}");
}

#[tokio::test]
async fn nothing_personal_lies_in_the_database_in_the_clear() {
    let platform = testing::platform().await;
    platform.people(3).await;
    let person = demo_data::person(2);
    let rows = platform.store.fetch_all("SELECT * FROM employee LIMIT 10", params![]).await.expect("rows");
    for row in &rows {
        for column in ["personal", "rrn_tag", "name_index", "number_index", "content_tag"] {
            let bytes = row.bytes(column).expect(column);
            for secret in [&person.name, &person.phone, &person.number, &person.birth_date] {
                assert!(
                    !bytes.windows(secret.len()).any(|w| w == secret.as_bytes()),
                    "{column} shows {secret}"
                );
            }
        }
    }
    let other = rows[0].text("id").expect("id");
    let sealed = rows[1].bytes("personal").expect("sealed");
    assert!(
        platform.sealer.open("employee", "personal", &other, &sealed).is_err(),
        "a value moved to another row does not open"
    );
}

#[tokio::test]
async fn name_and_number_have_to_fit_together() {
    let platform = testing::platform().await;
    let ids = platform.people(3).await;
    let (a, b) = (demo_data::person(0), demo_data::person(1));
    let check = |name: String, rrn: String| {
        let (platform, id) = (Arc::clone(&platform.platform), ids[0].clone());
        async move { matches_identity(&platform, &id, &name, &rrn).await.expect("judged") }
    };
    assert!(check(a.name.clone(), a.rrn.clone()).await);
    assert!(check(a.name.clone(), a.rrn.replace('-', "")).await);
    assert!(!check(a.name.clone(), b.rrn.clone()).await);
    assert!(!check(b.name.clone(), a.rrn.clone()).await);
    assert!(!check(a.name.clone(), "900101-1".into()).await);
    assert!(!matches_identity(&platform, "nobody", &a.name, &a.rrn).await.expect("judged"));
}

#[tokio::test]
async fn a_head_asks_the_department_above_and_nobody_approves_for_themselves() {
    let platform = testing::platform().await;
    // Two departments of the first agency: people 0–24, and after all other agencies the next one.
    let second = demo_data::DEPARTMENT_SIZE * demo_data::AGENCIES.len() as u64;
    let ids = platform.people(second + 5).await;
    let at = |n: u64| ids[usize::try_from(n).expect("small")].clone();
    assert_eq!(approvers(&platform, &at(5)).await.expect("member"), [at(0), at(1)]);
    assert_eq!(approvers(&platform, &at(1)).await.expect("deputy"), [at(0)]);
    assert!(approvers(&platform, &at(0)).await.expect("head of the top").is_empty());
    assert_eq!(approvers(&platform, &at(second)).await.expect("head below"), [at(0), at(1)]);
    let member = employee(&platform, &at(5)).await.expect("read").expect("member");
    let department = department(&platform, &member.department_id).await.expect("read").expect("department");
    assert_eq!(department.head_id, Some(at(0)));
}

#[tokio::test]
async fn who_may_not_have_a_badge_reads_why_in_both_languages() {
    let platform = testing::platform().await;
    let ids = platform.people(demo_data::DEPARTMENT_SIZE * 8).await;
    let of = |agency: u64| ids[usize::try_from(agency * demo_data::DEPARTMENT_SIZE).expect("small")].clone();
    let now = platform.now_ms();
    assert!(eligibility(&platform, &of(0), now).await.expect("judged").is_allowed());
    for (agency, code, word) in
        [(5, "personnel.phase_not_begun", "2027. 3. 2."), (6, "personnel.agency_excluded", "군사 보안")]
    {
        match eligibility(&platform, &of(agency), now).await.expect("judged") {
            crate::personnel::Eligibility::Refused(refused) => {
                assert_eq!(refused.code, code);
                assert!(refused.reason.ko.contains(word), "{}", refused.reason.ko);
                assert!(refused.reason.en.is_ascii());
            }
            other => panic!("{other:?}"),
        }
    }
    let later = crate::personnel::moment::moment("2027-03-02").expect("a day");
    assert!(eligibility(&platform, &of(5), later).await.expect("judged").is_allowed());
}

#[tokio::test]
async fn the_badge_says_what_hr_says() {
    let platform = testing::platform().await;
    let ids = platform.people(demo_data::DEPARTMENT_SIZE * 8).await;
    let claims = badge_claims(&platform, &ids[7 * 25]).await.expect("claims");
    let person = demo_data::person(7 * 25);
    assert_eq!(claims["inst_code"], "9000008");
    assert_eq!(claims["agency_tree"], serde_json::json!(["9000008", "9000006"]));
    assert_eq!(claims["name"]["ko"], person.name.as_str());
    assert_eq!(claims["birth_date"], person.birth_date.as_str());
    assert_eq!(claims["is_serving"], true);
    let joined = format!(
        "{}{}",
        claims["family_name"]["ko"].as_str().expect("a"),
        claims["given_name"]["ko"].as_str().expect("b")
    );
    assert_eq!(joined, person.name);
}
