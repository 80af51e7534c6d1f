use std::collections::BTreeSet;

use keys::x509::Certificate;
use signing::check::{Level, Report, Revocations, Trust, Verdict, check_pdf};
use signing::revocation::{Crl, OcspAnswer, OcspQuestion, Reason, State};
use signing::tsp::{Request, Timestamp};

use super::revocation::{Whose, answer, list};
use super::*;
use crate::operations::store::params;
use crate::testing::{TestPlatform, platform};

fn plain() -> Vec<u8> {
    page("q Q")
}

/// One page with this content.
pub(crate) fn page(content: &str) -> Vec<u8> {
    let stream = format!("<</Length {}>>\nstream\n{content}\nendstream", content.len());
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<>>>>",
        stream.as_str(),
    ];
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut table = String::from("0000000000 65535 f\r\n");
    for (at, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n\r\n", out.len()));
        out.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", at + 1).as_bytes());
    }
    let start = out.len();
    let tail = format!("xref\n0 5\n{table}trailer\n<</Root 1 0 R/Size 5>>\nstartxref\n{start}\n%%EOF\n");
    out.extend_from_slice(tail.as_bytes());
    out
}

async fn agency(platform: &TestPlatform) -> String {
    platform.people(1).await;
    let row = platform.store.fetch_one("SELECT code FROM agency ORDER BY code LIMIT 1", params![]).await;
    row.unwrap().text("code").unwrap()
}

fn sealing(agency: &str) -> Sealing<'_> {
    Sealing { agency, reason: Some("예시".into()), field: None, appearance: None, certify: None }
}

fn checked(platform: &TestPlatform, pdf: &[u8]) -> Report {
    let trust = Trust {
        anchors: std::slice::from_ref(platform.keys.root()),
        crls: &[],
        now: platform.now_ms() / 1_000,
        revocations: Revocations::Required,
    };
    check_pdf(pdf, &trust)
}

#[tokio::test]
async fn a_sealed_document_is_checked_with_nothing_but_the_root() {
    let platform = platform().await;
    let agency = agency(&platform).await;
    let sealed = seal(&platform, &plain(), &sealing(&agency)).await.unwrap();
    let report = checked(&platform, &sealed);
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    let one = &report.signatures[0];
    assert_eq!(one.level, Some(Level::Lt));
    let name = one.signer.as_ref().unwrap().name.clone().unwrap();
    assert!(name.ends_with("관인"), "{name}");
    // Years later, with every certificate but the root ended, it still is.
    platform.clock.advance_ms(16 * 365 * 86_400_000);
    assert_eq!(
        checked(&platform, &sealed).signatures[0].findings.len(),
        1,
        "the timestamp has to be renewed by then"
    );
}

#[tokio::test]
async fn an_agency_that_is_not_registered_has_no_seal() {
    let platform = platform().await;
    let refused = seal(&platform, &plain(), &sealing("9999999")).await.unwrap_err();
    assert!(matches!(refused, AuthorityError::Agency(_)));
    let agency = agency(&platform).await;
    let refused = seal(&platform, b"no pdf", &sealing(&agency)).await.unwrap_err();
    assert!(matches!(refused, AuthorityError::Pdf(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_seal_first_one_makes_the_key_and_all_use_it() {
    let platform = platform().await;
    let agency = agency(&platform).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (platform, agency) = (platform.platform.clone(), agency.clone());
            tokio::spawn(async move { seal(&platform, &plain(), &sealing(&agency)).await.unwrap() })
        })
        .collect();
    let mut signers = BTreeSet::new();
    for task in tasks {
        let report = checked(&platform, &task.await.unwrap());
        assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
        signers.insert(report.signatures[0].signer.as_ref().unwrap().serial.clone());
    }
    assert_eq!(signers.len(), 1);
    let rows = platform.store.fetch_all("SELECT id FROM document_key ORDER BY id", params![]).await.unwrap();
    assert_eq!(rows.len(), 4, "authority, timestamps, answers, one seal");
    let rows = platform.store.fetch_all("SELECT serial FROM document_certificate", params![]).await.unwrap();
    assert_eq!(rows.len(), 4);
}

#[tokio::test]
async fn a_revoked_seal_signs_no_more_and_is_told_in_list_and_answer() {
    let platform = platform().await;
    let agency = agency(&platform).await;
    let before = seal(&platform, &plain(), &sealing(&agency)).await.unwrap();
    let serial = checked(&platform, &before).signatures[0].signer.as_ref().unwrap().serial.clone();
    platform.clock.advance_ms(60_000);
    revoke(&platform, &serial, Reason::Superseded, None, "operator").await.unwrap();
    let again = revoke(&platform, &serial, Reason::Superseded, None, "operator").await;
    assert!(matches!(again, Err(AuthorityError::Certificate)), "once is once");

    let authority = open(&platform).await.unwrap().certificate().clone();
    let raw = keys::encoding::hex_decode(&serial).unwrap();
    let crl = Crl::read(&list(&platform, Whose::Authority).await.unwrap()).unwrap();
    assert!(crl.is_signed_by(&authority));
    assert_eq!(crl.revoked(&raw).unwrap().reason, Reason::Superseded);
    let root_list = Crl::read(&list(&platform, Whose::Root).await.unwrap()).unwrap();
    assert!(root_list.is_signed_by(platform.keys.root()) && !root_list.is_signed_by(&authority));

    // What was sealed before stays genuine, also for one who knows the new list; the next seal is another one.
    let trust = Trust {
        anchors: std::slice::from_ref(platform.keys.root()),
        crls: std::slice::from_ref(&crl),
        now: platform.now_ms() / 1_000,
        revocations: Revocations::Required,
    };
    assert_eq!(check_pdf(&before, &trust).verdict, Verdict::Genuine);
    let after = seal(&platform, &plain(), &sealing(&agency)).await.unwrap();
    let report = check_pdf(&after, &trust);
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    assert_ne!(report.signatures[0].signer.as_ref().unwrap().serial, serial);

    for (certificate, number, state) in [
        (&authority, raw.as_slice(), State::Revoked(platform.now_ms() / 1_000, Reason::Superseded)),
        (&authority, &[1, 2, 3], State::Unknown),
        (platform.keys.root(), &raw, State::Unknown),
    ] {
        let answered = answer(&platform, &request(certificate, number)).await.unwrap();
        let answered = OcspAnswer::read(&answered).unwrap();
        // An answer about another authority's certificate is none for ours.
        let told = answered.of(certificate, number).map(|(state, ..)| state);
        let expected = (certificate == &authority).then_some(state);
        assert_eq!(told, expected);
    }
}

/// OCSPRequest with one question.
fn request(authority: &Certificate, serial: &[u8]) -> Vec<u8> {
    use keys::der::tlv;
    let question = OcspQuestion::new(authority, serial);
    tlv(0x30, &[&tlv(0x30, &[&tlv(0x30, &[&tlv(0x30, &[question.der()])])])])
}

#[tokio::test]
async fn an_official_gets_a_certificate_for_ten_minutes() {
    let platform = platform().await;
    let key = keys::SecretKey::generate();
    let issued = issue_person(&platform, key.public_key(), "김예시", "1741000", "예시 기관").await.unwrap();
    let [own, authority] = issued.chain.as_slice() else { panic!("two certificates") };
    assert_eq!(own.not_after() - own.not_before(), 600);
    assert_eq!(own.subject_common_name(), Some("김예시"));
    assert!(own.is_signed_by(authority.public_key()));
    let row =
        platform.store.fetch_one("SELECT role FROM document_certificate WHERE role = 'person'", params![]);
    assert_eq!(row.await.unwrap().text("role").unwrap(), "person");
}

#[tokio::test]
async fn a_seal_whose_certificate_ends_soon_is_followed_by_a_new_one() {
    let platform = platform().await;
    let agency = agency(&platform).await;
    let serial_of =
        |pdf: &[u8]| checked(&platform, pdf).signatures[0].signer.as_ref().unwrap().serial.clone();
    let first = serial_of(&seal(&platform, &plain(), &sealing(&agency)).await.unwrap());
    platform.clock.advance_ms(3 * 365 * 86_400_000 - 20 * 86_400_000);
    let second = serial_of(&seal(&platform, &plain(), &sealing(&agency)).await.unwrap());
    assert_ne!(first, second);
    let sql = "SELECT state FROM document_key WHERE role = 'seal' ORDER BY created_at";
    let rows = platform.store.fetch_all(sql, params![]).await.unwrap();
    let states: Vec<String> = rows.iter().map(|row| row.text("state").unwrap()).collect();
    assert_eq!(states, ["retired", "active"]);
}

#[tokio::test]
async fn a_timestamp_is_given_for_what_was_asked() {
    let platform = platform().await;
    let authority = open(&platform).await.unwrap();
    let request = Request::new([7; 32]);
    let response = authority.time().answer(&request.to_der(), platform.now_ms() / 1_000).unwrap();
    let token = request.accept(&response.into_der()).unwrap();
    assert_eq!(Timestamp::read(&token).unwrap().time, platform.now_ms() / 1_000);
}
