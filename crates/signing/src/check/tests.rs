use super::*;
use crate::fixture::{DAY, House, OBJECTS, classic, hiding, modern, odd_range, revealed, tamper, updates};
use crate::pades::{self, Appearance, Certify, Material, Options, Picture, Prepared};
use crate::revocation::{Crl, Reason, State};

const NOW: i64 = 1_795_000_000;

fn house() -> House {
    House::new(NOW)
}

fn codes(pdf: &[u8], house: &House) -> Vec<&'static str> {
    check_pdf(pdf, &house.trust()).codes()
}

#[test]
fn each_level_is_what_it_says_on_tables_and_on_streams() {
    let house = house();
    for (make, plain) in [("table", classic()), ("stream", modern())] {
        let crls: Vec<Crl> = house.crls(&[]).iter().map(|der| Crl::read(der).unwrap()).collect();
        for (level, signed) in [
            (Level::B, house.b(&plain)),
            (Level::T, house.t(&plain)),
            (Level::Lt, house.lt(&plain)),
            (Level::Lta, house.lta(&plain)),
        ] {
            assert!(signed.starts_with(&plain), "what was there stays byte for byte");
            // The lower two do not bring what tells of revocation; the higher two must.
            let known = if level < Level::Lt { crls.as_slice() } else { &[] };
            let report = check_pdf(&signed, &Trust { crls: known, ..house.trust() });
            assert_eq!(report.verdict, Verdict::Genuine, "{make} {level:?}: {:?}", report.codes());
            let first = &report.signatures[0];
            assert_eq!(first.level, Some(level), "{make}");
            assert_eq!(first.proven_at, (level > Level::B).then_some(NOW));
            assert_eq!(first.claimed_at, Some(NOW));
            assert_eq!(first.covers_whole_file, level < Level::Lt);
            let signer = first.signer.as_ref().unwrap();
            assert_eq!(signer.name.as_deref(), Some("예시 기관장 관인"));
            assert_eq!(signer.organization.as_deref(), Some("예시 기관"));
        }
    }
}

#[test]
fn without_material_the_answer_is_unknown_and_not_forged() {
    let house = house();
    let report = check_pdf(&house.t(&classic()), &house.trust());
    assert_eq!((report.verdict, report.codes()), (Verdict::Unknown, vec!["revocation_unknown"]));
    let waived = Trust { revocations: Revocations::WhereKnown, ..house.trust() };
    assert_eq!(check_pdf(&house.t(&classic()), &waived).verdict, Verdict::Genuine);
}

#[test]
fn a_signature_stays_genuine_after_its_certificate_and_its_lists_have_ended() {
    let house = house();
    let short = house.person_of("김예시", (NOW - 60, NOW + 600));
    let prepared = pades::prepare(&classic(), &Options::at(NOW)).unwrap();
    let signed = house.sign(prepared, &short, Some(&house.time_authority()));
    let signed = pades::add_material(&signed, &house.material()).unwrap();
    let later = Trust { now: NOW + 400 * DAY, ..house.trust() };
    let report = check_pdf(&signed, &later);
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    // Without the timestamp nothing proves that it was made in those ten minutes.
    let prepared = pades::prepare(&classic(), &Options::at(NOW)).unwrap();
    let bare = pades::add_material(&house.sign(prepared, &short, None), &house.material()).unwrap();
    assert_eq!(check_pdf(&bare, &later).codes(), ["expired"]);
}

#[test]
fn every_shadow_attack_is_refused_for_its_reason() {
    let house = house();
    for (level, signed) in [("B-B", house.b(&classic())), ("B-LT", house.lt(&classic()))] {
        for (name, pdf, code) in updates(&signed) {
            let report = check_pdf(&pdf, &house.trust());
            assert_eq!(report.verdict, Verdict::Altered, "{level} {name}");
            assert!(report.codes().contains(&code), "{level} {name}: {:?}", report.codes());
        }
    }
}

#[test]
fn what_was_pointed_to_and_missing_must_not_appear_later() {
    let house = house();
    let signed = house.lt(&hiding());
    assert_eq!(check_pdf(&signed, &house.trust()).verdict, Verdict::Genuine);
    assert_eq!(codes(&revealed(&signed), &house), ["changed_hidden"]);
}

#[test]
fn an_update_is_compared_on_documents_of_streams_too() {
    let house = house();
    let signed = house.lt(&modern());
    let old = "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>".to_owned();
    assert_eq!(codes(&tamper(&signed, &[(5, Some(old))]), &house), ["changed_page_content"]);
    let next = tamper(&signed, &[(2, Some("<</Type/Pages/Kids[9 0 R]/Count 1>>".into()))]);
    assert_eq!(codes(&next, &house), ["changed_pages"]);
}

#[test]
fn an_object_written_again_as_it_was_changes_nothing() {
    let house = house();
    let again = OBJECTS.iter().find(|(number, _)| *number == 5).unwrap().1;
    let signed = house.lt(&classic());
    let report = check_pdf(&tamper(&signed, &[(5, Some(again.into()))]), &house.trust());
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    let unreached = tamper(&signed, &[(10, Some("(nobody looks here)".into()))]);
    assert_eq!(check_pdf(&unreached, &house.trust()).verdict, Verdict::Genuine);
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let house = house();
    let signed = house.lt(&classic());
    let at = |needle: &[u8]| signed.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut content = signed.clone();
    content[at(b"1,000 won")] = b'9';
    assert_eq!(codes(&content, &house), ["other_content"]);
    // Inside the signature: the hash of the content, the certificate's, the certificate, the value.
    let report = check_pdf(&signed, &house.trust());
    assert_eq!(report.verdict, Verdict::Genuine);
    let hole = at(b"/Contents <") + 11;
    let mut value = signed.clone();
    let place_of = |bytes: &[u8]| {
        let digits = keys::encoding::hex_encode(bytes);
        signed[hole..].windows(digits.len()).position(|window| window == digits.as_bytes()).unwrap() + hole
    };
    let attributes = place_of(&house.seal.certificate.sha256());
    let algorithm = keys::encoding::hex_encode(&crate::der::ecdsa_algorithm());
    let algorithm =
        signed[attributes..].windows(algorithm.len()).position(|w| w == algorithm.as_bytes()).unwrap();
    for (place, code) in [
        (attributes, "other_certificate"),
        (attributes + algorithm + 60, "bad_signature"),
        (place_of(house.seal.certificate.serial()), "signer_missing"),
    ] {
        let before = value[place];
        value[place] = if before == b'0' { b'1' } else { b'0' };
        assert_eq!(codes(&value, &house), [code], "byte {place}");
        value[place] = before;
    }
    // Where nothing was used.
    let end = signed[hole..].iter().position(|byte| *byte == b'>').unwrap() + hole;
    value[end - 1] = b'1';
    assert_eq!(codes(&value, &house), ["signature_malformed"]);
}

#[test]
fn a_byte_range_that_leaves_out_more_than_the_signature_is_refused() {
    let house = house();
    let wide = odd_range(&house, |[start, before, after, length]| [start, before, after + 8, length - 8]);
    assert!(codes(&wide, &house).contains(&"byte_range"));
    let late = odd_range(&house, |[_, before, after, length]| [9, before - 9, after, length]);
    assert!(codes(&late, &house).contains(&"byte_range"));
    let short = odd_range(&house, |[start, before, after, length]| [start, before - 30, after, length]);
    assert!(codes(&short, &house).contains(&"byte_range"));
    let cut = odd_range(&house, |[start, before, after, length]| [start, before, after, length - 20]);
    assert!(codes(&cut, &house).contains(&"changed_history"), "{:?}", codes(&cut, &house));
}

#[test]
fn two_sign_one_after_the_other_and_each_is_told() {
    let house = house();
    let first = house.lt(&classic());
    let prepared = pades::prepare(&first, &Options::at(NOW + 5)).unwrap();
    let both = house.sign(prepared, &house.person, Some(&house.time_authority()));
    let both = pades::add_material(&both, &house.material()).unwrap();
    let report = check_pdf(&both, &house.trust());
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    let names: Vec<_> =
        report.signatures.iter().map(|one| one.signer.as_ref().unwrap().name.clone().unwrap()).collect();
    assert_eq!(names, ["예시 기관장 관인", "김예시"]);
    assert_eq!(report.signatures[0].later_signatures, 1);

    // The second one broken: the first still stands, the document does not.
    let hole = both.windows(11).rposition(|window| window == b"/Contents <").unwrap() + 11;
    let mut broken = both.clone();
    // The last digits of the second signature's attributes: the hash of its certificate.
    let reference = keys::encoding::hex_encode(&house.person.certificate.sha256());
    let place = broken[hole..].windows(64).position(|window| window == reference.as_bytes()).unwrap() + hole;
    broken[place] = if broken[place] == b'0' { b'1' } else { b'0' };
    let report = check_pdf(&broken, &house.trust());
    assert_eq!(report.verdict, Verdict::Altered);
    assert_eq!(report.signatures[0].verdict, Verdict::Genuine);
    assert_eq!(report.signatures[1].findings, [Finding::Signature(crate::cms::CmsError::OtherCertificate)]);
}

#[test]
fn a_certified_document_takes_no_further_signature_and_a_forced_one_is_refused() {
    let house = house();
    let options = Options { certify: Some(Certify::NoChanges), ..Options::at(NOW) };
    let prepared = pades::prepare(&classic(), &options).unwrap();
    let sealed = house.sign(prepared, &house.seal, Some(&house.time_authority()));
    let sealed = pades::add_material(&sealed, &house.material()).unwrap();
    assert_eq!(check_pdf(&sealed, &house.trust()).verdict, Verdict::Genuine);
    assert_eq!(pades::prepare(&sealed, &Options::at(NOW)).unwrap_err(), pades::PadesError::Locked);
    // Proof and a timestamp may still come.
    let prepared = pades::prepare_timestamp(&sealed).unwrap();
    let token = house.time_authority().stamp(*prepared.digest(), NOW).unwrap();
    let refreshed = prepared.assemble(&token).unwrap();
    assert_eq!(check_pdf(&refreshed, &house.trust()).signatures[0].level, Some(Level::Lta));

    // One who does not ask: the second signature is put on a copy without the rule, byte for byte as long.
    let loose: Vec<u8> = sealed.clone();
    let at = loose.windows(3).position(|window| window == b"/P ").unwrap();
    assert!(loose[at..].starts_with(b"/P "));
    let mut open = loose.clone();
    let level = open
        .windows(5)
        .position(|window| window == b"/P 1/")
        .or_else(|| open.windows(5).position(|window| window == b"/P 1 "))
        .unwrap();
    open[level + 3] = b'2';
    let prepared = pades::prepare(&open, &Options::at(NOW)).unwrap();
    let mut bytes = prepared.bytes().to_vec();
    bytes[level + 3] = b'1';
    let forced = house.sign(Prepared::read(bytes).unwrap(), &house.person, Some(&house.time_authority()));
    assert!(codes(&forced, &house).contains(&"signature_forbidden"), "{:?}", codes(&forced, &house));
}

#[test]
fn expired_revoked_untrusted_and_unfit_signers_are_each_named() {
    let house = house();
    let stamp = house.time_authority();
    let material = house.material();
    let signed_by = |who: &crate::fixture::Signatory, material: &Material| {
        let prepared = pades::prepare(&classic(), &Options::at(NOW)).unwrap();
        pades::add_material(&house.sign(prepared, who, Some(&stamp)), material).unwrap()
    };
    let old = house.person_of("지난 예시", (NOW - 3 * DAY, NOW - DAY));
    assert_eq!(codes(&signed_by(&old, &material), &house), ["expired"]);
    let early = house.person_of("이른 예시", (NOW + DAY, NOW + 2 * DAY));
    assert_eq!(codes(&signed_by(&early, &material), &house), ["not_yet_valid"]);
    assert_eq!(codes(&signed_by(&house.responder, &material), &house), ["wrong_purpose"]);

    let revoked = house.revoked(&house.seal, NOW - 60, Reason::KeyCompromise);
    let told = Material { crls: house.crls(&[revoked]), ..house.material() };
    let report = check_pdf(&signed_by(&house.seal, &told), &house.trust());
    assert_eq!((report.verdict, report.codes()), (Verdict::Revoked, vec!["revoked"]));
    // Revoked afterwards: the timestamp proves that it was made before.
    let after = house.revoked(&house.seal, NOW + 60, Reason::Superseded);
    let told = Material { crls: house.crls(&[after]), ..house.material() };
    assert_eq!(check_pdf(&signed_by(&house.seal, &told), &house.trust()).verdict, Verdict::Genuine);

    let stranger = House::named(NOW, "예시 최상위 인증기관");
    let report = check_pdf(&stranger.lt(&classic()), &house.trust());
    assert_eq!((report.verdict, report.codes()), (Verdict::UnknownIssuer, vec!["timestamp_untrusted"]));
    let stamped_elsewhere = house.sign(
        pades::prepare(&classic(), &Options::at(NOW)).unwrap(),
        &house.seal,
        Some(&stranger.time_authority()),
    );
    let stamped_elsewhere = pades::add_material(&stamped_elsewhere, &material).unwrap();
    assert_eq!(codes(&stamped_elsewhere, &house), ["timestamp_untrusted"]);
    let bare = stranger.b(&classic());
    assert_eq!(codes(&bare, &house), ["untrusted_issuer"]);
}

#[test]
fn an_answer_about_the_certificate_is_as_good_as_a_list() {
    let house = house();
    let with = |state| Material {
        crls: house.crls(&[]).into_iter().take(1).collect(),
        ocsps: vec![
            house.ocsp(&house.seal.certificate, state),
            house.ocsp(&house.tsa.certificate, State::Good),
        ],
        ..house.material()
    };
    let signed = |state| pades::add_material(&house.t(&classic()), &with(state)).unwrap();
    let report = check_pdf(&signed(State::Good), &house.trust());
    assert_eq!(report.verdict, Verdict::Genuine, "{:?}", report.codes());
    assert_eq!(report.signatures[0].level, Some(Level::Lt));
    assert_eq!(codes(&signed(State::Revoked(NOW - 5, Reason::Superseded)), &house), ["revoked"]);
    assert_eq!(codes(&signed(State::Unknown), &house), ["revocation_unknown"]);
}

#[test]
fn a_seal_that_is_seen_is_signed_like_one_that_is_not() {
    let house = house();
    let picture = Picture { width: 2, height: 2, rgb: vec![200; 12], alpha: Some(vec![255, 128, 0, 255]) };
    for picture in [None, Some(picture)] {
        let appearance = Appearance { page: 0, rect: [400.0, 60.0, 472.5, 132.5], picture };
        let options = Options { appearance: Some(appearance), ..Options::at(NOW) };
        let signed = house.sign(
            pades::prepare(&classic(), &options).unwrap(),
            &house.seal,
            Some(&house.time_authority()),
        );
        let signed = pades::add_material(&signed, &house.material()).unwrap();
        assert_eq!(check_pdf(&signed, &house.trust()).verdict, Verdict::Genuine);
    }
    let appearance = Appearance { page: 7, rect: [0.0, 0.0, 10.0, 10.0], picture: None };
    let options = Options { appearance: Some(appearance), ..Options::at(NOW) };
    assert_eq!(pades::prepare(&classic(), &options).unwrap_err(), pades::PadesError::Page(7));
}

#[test]
fn what_is_no_signed_pdf_is_told_as_such() {
    let house = house();
    assert_eq!(codes(&classic(), &house), ["not_signed"]);
    assert_eq!(codes(b"hello", &house), ["pdf_no_pdf"]);
    assert_eq!(codes(&vec![b'%'; 65 << 20], &house), ["pdf_too_large"]);
    let signed = house.lt(&classic());
    assert_eq!(codes(&signed[..signed.len() - 40], &house), ["pdf_malformed"]);
    let mut more = signed.clone();
    more.extend_from_slice(b"more");
    assert_eq!(codes(&more, &house), ["pdf_malformed"]);
    let previous = crate::fixture::last_start(&signed);
    for (trailer, code) in [("/Encrypt 5 0 R", "pdf_encrypted"), ("/XRefStm 9", "pdf_hybrid")] {
        let mut pdf = signed.clone();
        let at = pdf.len();
        let text = format!(
            "xref\n0 0\ntrailer\n<</Root 1 0 R/Size 200/Prev {previous}{trailer}>>\nstartxref\n{at}\n%%EOF\n"
        );
        pdf.extend_from_slice(text.as_bytes());
        assert_eq!(codes(&pdf, &house), [code]);
    }
}

#[test]
fn a_report_says_who_when_and_why_in_both_languages() {
    let house = house();
    let (_, pdf, _) = updates(&house.lt(&classic())).swap_remove(0);
    let report = serde_json::to_value(check_pdf(&pdf, &house.trust())).unwrap();
    assert_eq!(report["verdict"], "altered");
    let finding = &report["signatures"][0]["findings"][0];
    assert_eq!(finding["code"], "changed_page_content");
    assert_eq!(finding["ko"], "서명한 뒤 쪽의 내용이 바뀌었습니다.");
    assert_eq!(finding["en"], "The content of a page was changed after signing.");
}
