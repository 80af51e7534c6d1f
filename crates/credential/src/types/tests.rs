use serde_json::{Map, Value, json};

use super::*;

const BADGE: &str = include_str!("../../../mapae/types/badge.toml");

fn badge() -> CredentialType {
    CredentialType::parse(BADGE, "https://id.example.go.kr/").unwrap()
}

fn broken(from: &str, to: &str) -> TypeFileError {
    assert!(BADGE.contains(from), "{from} is in the file");
    CredentialType::parse(&BADGE.replacen(from, to, 1), "https://id.example.go.kr").unwrap_err()
}

fn line_with(text: &str) -> usize {
    BADGE.lines().position(|line| line.contains(text)).unwrap() + 1
}

fn values() -> Map<String, Value> {
    let values = json!({
        "family_name": {"ko": "예", "en": "Ye"}, "given_name": {"ko": "시온"}, "name": {"ko": "예시온", "en": "Sion Ye"},
        "birth_date": "1990-02-28", "agency_name": {"ko": "예시부"}, "inst_code": "0000001", "department": "예시과",
        "employee_number": "E-1", "badge_number": "B-1", "issued_at": "2026-11-23", "valid_until": "2029-11-22",
        "is_serving": true, "agency_tree": ["0000000", "0000001"], "link_id": "x"
    });
    values.as_object().unwrap().clone()
}

#[test]
fn the_badge_is_what_its_file_says() {
    let badge = badge();
    assert_eq!(badge.vct, "https://id.example.go.kr/types/badge");
    assert_eq!(badge.name.in_language("ko-KR"), "모바일 공무원증");
    assert_eq!(badge.name.in_language("en"), "Mobile Official Badge");
    assert_eq!(badge.batch.sd_jwt_copies, 20);
    assert_eq!(badge.validity, Validity { document_years: 3, copy_weeks: 2 });
    assert_eq!(badge.claims.len(), 16);
    assert_eq!(badge.selective_claims(), 16);
    assert_eq!(badge.claim("link_id").unwrap().only_for, Some(Audience::LoginProvider));
    assert_eq!(badge.claim("rank").unwrap().label.ko, "직급");
    assert!(badge.claims.iter().all(|claim| claim.only_for.is_none() || claim.name() == "link_id"));
}

#[test]
fn a_broken_file_is_told_with_its_line() {
    let error = broken("kind = \"date\"", "kind = \"day\"");
    assert_eq!(error.line, line_with("kind = \"date\""), "{error}");
    let error = broken("mandatory = true", "mandatroy = true");
    assert_eq!(error.line, line_with("mandatory = true"), "{error}");
    let error = broken("label = { ko = \"직급\", en = \"Rank\" }", "label = { ko = \"직급\", en = \"\" }");
    assert_eq!((error.line, error.reason.contains("en")), (line_with("직급"), true), "{error}");
    let error = broken("path = [\"rank\"]", "path = [\"name\"]");
    assert_eq!(error.line, line_with("path = [\"rank\"]"), "{error}");
    let error = broken("path = [\"rank\"]", "path = [\"cnf\"]");
    assert_eq!(error.line, line_with("path = [\"rank\"]"), "{error}");
    let error = broken("path = [\"rank\"]", "path = [\"rank\", \"level\"]");
    assert_eq!(error.line, line_with("path = [\"rank\"]"), "{error}");
    let error = broken("path = [\"rank\"]", "path = []");
    assert_eq!(error.line, line_with("path = [\"rank\"]"), "{error}");
    let error = broken("vct = \"badge\" ", "vct = \"http://id.example\" ");
    assert_eq!(error.line, line_with("vct = \"badge\""), "{error}");
    let error = broken("formats = [\"dc+sd-jwt\", \"mso_mdoc\"]", "formats = []");
    assert_eq!(error.line, line_with("formats = "), "{error}");
    let error = broken("#0b2545", "navy");
    assert_eq!(error.line, line_with("background_color"), "{error}");
    let error = broken("copy-weeks = 2", "copy-weeks = 0");
    assert_eq!(error.line, line_with("[validity]"), "{error}");
    let error = broken("sd-jwt-copies = 20", "sd-jwt-copies = 8");
    assert_eq!(error.line, line_with("[batch]"), "{error}");
    assert_eq!(CredentialType::parse("", "https://x").unwrap_err().line, 1);
    assert!(CredentialType::parse(&"#".repeat(70_000), "https://x").is_err());
}

#[test]
fn values_must_fit_the_type() {
    let badge = badge();
    assert!(badge.claims(&values()).is_ok());
    let with = |name: &str, value: Value| {
        let mut values = values();
        values.insert(name.to_owned(), value);
        badge.claims(&values).err()
    };
    assert_eq!(with("shoe_size", json!("270")), Some(ClaimsError::Unknown("shoe_size".to_owned())));
    assert_eq!(
        with("birth_date", json!("1990-02-30")),
        Some(ClaimsError::WrongKind("birth_date".to_owned()))
    );
    assert_eq!(with("birth_date", json!("19900228")), Some(ClaimsError::WrongKind("birth_date".to_owned())));
    assert_eq!(with("name", json!({"en": "no Korean"})), Some(ClaimsError::WrongKind("name".to_owned())));
    assert_eq!(with("is_serving", json!("true")), Some(ClaimsError::WrongKind("is_serving".to_owned())));
    assert_eq!(with("agency_tree", json!([1])), Some(ClaimsError::WrongKind("agency_tree".to_owned())));
    let mut without = values();
    without.remove("name");
    assert_eq!(badge.claims(&without).err(), Some(ClaimsError::Missing("name".to_owned())));
}

#[test]
fn a_copy_lives_on_week_borders() {
    let monday = 1_795_392_000; // 2026-11-23 00:00 UTC
    let (from, until) = badge().copy_validity(monday + 3 * 86_400 + 5);
    assert_eq!((from, until), (monday, monday + 14 * 86_400));
}

#[test]
fn a_text_is_told_in_the_language_it_has() {
    let both = json!({"ko": "예시", "en": "Example"});
    assert_eq!(text_in(&both, "en-US"), Some("Example"));
    assert_eq!(text_in(&both, "ko"), Some("예시"));
    assert_eq!(text_in(&json!({"ko": "예시"}), "en"), Some("예시"));
    assert_eq!(text_in(&json!("예시"), "en"), Some("예시"));
    assert_eq!(text_in(&json!(1), "en"), None);
}

#[test]
fn a_document_tells_what_the_other_format_tells_but_nothing_that_is_for_one_audience_alone() {
    let badge = badge();
    assert!(badge.is_issued_as(Format::Mdoc) && badge.is_issued_as(Format::SdJwtVc));
    assert_eq!(
        badge.type_names().collect::<Vec<_>>(),
        ["https://id.example.go.kr/types/badge", "io.mapae.badge.1"]
    );
    let secret = keys::SecretKey::generate();
    let issuance = crate::mdoc::Issuance {
        issuer: &crate::mdoc::Issuer::new(&[]),
        doc_type: badge.doctype.as_deref().unwrap(),
        elements: &badge.elements(&values()).unwrap(),
        device_key: secret.public_key(),
        status: None,
        issued_at: 0,
        expires_at: 1,
    };
    let signed = crate::mdoc::IssuerSigned::parse(&crate::mdoc::issue(&issuance, &secret).unwrap()).unwrap();
    let told = &signed.dangerous_claims()["io.mapae.badge.1"];
    let mut expected = Value::Object(values());
    expected.as_object_mut().unwrap().remove("link_id");
    assert_eq!(*told, expected);

    let path = |steps: &[&str]| ClaimPath::from_value(&json!(steps)).unwrap();
    let name = |format, steps: &[&str]| badge.claim_at(format, &path(steps)).map(Claim::name);
    assert_eq!(name(Format::SdJwtVc, &["name", "ko"]), Some("name"));
    assert_eq!(name(Format::Mdoc, &["io.mapae.badge.1", "name"]), Some("name"));
    for foreign in [&["name"][..], &["name", "ko"], &["org.iso.18013.5.1", "name"], &["io.mapae.badge.1"]] {
        assert_eq!(name(Format::Mdoc, foreign), None, "{foreign:?}");
    }
    let mut short = values();
    short.remove("name");
    assert_eq!(badge.elements(&short).unwrap_err(), ClaimsError::Missing("name".into()));
    let no_document = CredentialType { doctype: None, ..badge };
    assert_eq!(no_document.elements(&values()).unwrap_err(), ClaimsError::NoDocument);
}

#[test]
fn a_document_may_have_the_table_of_posts_and_be_for_those_who_have_left() {
    let file = include_str!("../../../mapae/types/career-certificate.toml");
    let kind = CredentialType::parse(file, "https://id.example").unwrap();
    assert_eq!(kind.document.as_ref().unwrap().table, Some(DocumentTable::Posts));
    assert_eq!(kind.apply.as_ref().unwrap().applicants, Applicants::Everybody);
    for (from, to) in
        [("table = \"posts\"", "table = \"salaries\""), ("for = \"everybody\"", "for = \"anyone\"")]
    {
        let line = file.lines().position(|line| line.starts_with(from)).unwrap() + 1;
        let error = CredentialType::parse(&file.replacen(from, to, 1), "https://id.example").unwrap_err();
        assert!(error.line == line && error.reason.contains("unknown variant"), "{error}");
    }
    let (_, without) = file.split_once("for = \"everybody\"").unwrap();
    let text = format!("{}{without}", file.split_once("for = ").unwrap().0);
    let kind = CredentialType::parse(&text, "https://id.example").unwrap();
    assert_eq!(kind.apply.unwrap().applicants, Applicants::Serving, "unless the file says otherwise");
}

/// An ID that the HR desk approves: a claim of each source.
const PASS: &str = r##"
id = "sample-licence"
vct = "sample-licence"
doctype = "io.mapae.sample.licence.1"
name = { ko = "예시 운전 자격", en = "Sample Driving Permit" }
description = { ko = "예시입니다.", en = "A sample." }
formats = ["dc+sd-jwt", "mso_mdoc"]

[validity]
document-years = 5
copy-weeks = 2

[batch]
sd-jwt-copies = 4
mdoc-copies = 2
top-up-below = 2
silent-days = 30

[apply]
approval = "hr"
agencies = ["*"]

[[claims]]
path = ["name"]
label = { ko = "성명", en = "Name" }
kind = "bilingual"
disclosure = "selective"
mandatory = true

[[claims]]
path = ["purpose"]
label = { ko = "용도", en = "Purpose" }
kind = "text"
disclosure = "selective"
mandatory = true
from = "applicant"
longest = 10

[[claims]]
path = ["class"]
label = { ko = "종별", en = "Class" }
kind = "text"
disclosure = "selective"
mandatory = true
from = "approver"
choices = ["1종 보통", "2종 보통"]

[[claims]]
path = ["valid_until"]
label = { ko = "유효 기간", en = "Valid until" }
kind = "date"
disclosure = "selective"
mandatory = true
"##;

#[test]
fn a_type_that_is_applied_for_says_where_each_value_comes_from() {
    let kind = CredentialType::parse(PASS, "https://id.example").unwrap();
    let sources: Vec<Source> = kind.claims.iter().map(|claim| claim.source).collect();
    assert_eq!(sources, [Source::Personnel, Source::Applicant, Source::Approver, Source::Issuer]);
    let apply = kind.apply.as_ref().unwrap();
    assert!(apply.one && apply.approval == Approval::Hr && apply.is_for(["1741000"].into_iter()));
    let narrow = Apply { agencies: vec!["1741000".to_owned()], ..apply.clone() };
    assert!(narrow.is_for(["1741010", "1741000"].into_iter()) && !narrow.is_for(["1741010"].into_iter()));
}

#[test]
fn a_value_that_nobody_knows_is_told_with_its_line() {
    let told = |from: &str, to: &str| {
        let error = CredentialType::parse(&PASS.replacen(from, to, 1), "https://id.example").unwrap_err();
        (error.line, error.reason)
    };
    let line = |text: &str| PASS.lines().position(|line| line.contains(text)).unwrap() + 1;
    let (at, reason) = told("from = \"applicant\"\n", "");
    assert!(at == line("[\"purpose\"]") && reason.starts_with("nobody knows `purpose`"), "{at}: {reason}");
    let (at, reason) = told("kind = \"bilingual\"", "kind = \"text\"");
    assert!(at == line("[\"name\"]") && reason.contains("another kind"), "{at}: {reason}");
    let (at, reason) = told("agencies = [\"*\"]", "agencies = [\"everybody\"]");
    assert!(at == line("[apply]") && reason.contains("institution codes"), "{at}: {reason}");
    let (_, reason) = told("[apply]\napproval = \"hr\"\nagencies = [\"*\"]\n", "");
    assert!(reason.contains("needs a type with `[apply]`"), "{reason}");
    let (_, reason) = told(
        "kind = \"text\"\ndisclosure = \"selective\"\nmandatory = true\nfrom = \"applicant\"",
        "kind = \"boolean\"\ndisclosure = \"selective\"\nmandatory = true\nfrom = \"applicant\"",
    );
    assert!(reason.starts_with("what somebody types"), "{reason}");
}

#[test]
fn what_somebody_types_is_bounded_and_of_its_kind() {
    let kind = CredentialType::parse(PASS, "https://id.example").unwrap();
    let (purpose, class) = (kind.claim("purpose").unwrap(), kind.claim("class").unwrap());
    assert_eq!(purpose.typed(" 제출용 "), Ok(Some("제출용".into())));
    assert_eq!(purpose.typed(" "), Err(ClaimsError::Missing("purpose".to_owned())));
    assert_eq!(purpose.typed("열한 글자가 넘는 용도"), Err(ClaimsError::WrongKind("purpose".to_owned())));
    assert_eq!(purpose.typed("가\u{7}"), Err(ClaimsError::WrongKind("purpose".to_owned())));
    assert_eq!(class.typed("1종 보통"), Ok(Some("1종 보통".into())));
    assert_eq!(class.typed("1종 대형"), Err(ClaimsError::WrongKind("class".to_owned())));
}

#[test]
fn what_is_printed_is_claims_of_the_type_with_name_and_birth_date_among_them() {
    let file = include_str!("../../../mapae/types/employment-certificate.toml");
    let kind = CredentialType::parse(file, "https://id.example").unwrap();
    let document = kind.document.as_ref().unwrap();
    assert_eq!((document.online_days, document.facts[0].as_str()), (90, "name"));
    let told = |from: &str, to: &str| {
        assert!(file.contains(from), "{from}");
        CredentialType::parse(&file.replacen(from, to, 1), "https://id.example").unwrap_err()
    };
    let line = file.lines().position(|line| line == "[document]").unwrap() + 1;
    for (from, to, reason) in [
        ("online-days = 90", "online-days = 0", "`online-days` is"),
        ("\"birth_date\", ", "", "`facts` has the mandatory `birth_date`"),
        ("\"purpose\"]", "\"is_serving\"]", "`is_serving` is no claim"),
        ("facts = [\"name\"", "facts = [\"salary\"", "`salary` is no claim"),
    ] {
        let error = told(from, to);
        assert!(error.line == line && error.reason.starts_with(reason), "{error}");
    }
}
