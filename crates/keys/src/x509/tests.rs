use proptest::prelude::*;
use x509_cert::{
    der::{Encode, asn1::OctetString},
    ext::{Extension, pkix::KeyUsages},
};

use super::{
    issue::{Tbs, authority, key_usage, name, subject_key},
    *,
};
use crate::{PublicKey, SecretKey, encoding::hex_decode};

const DAY: i64 = 86_400;
const NOW: i64 = 1_795_000_000;
const FROM: i64 = NOW - 10 * DAY;
const TO: i64 = NOW + 10 * DAY;

/// A key with its certificate.
struct Party {
    key: SecretKey,
    certificate: Certificate,
}

impl Party {
    fn root() -> Self {
        let key = SecretKey::generate();
        let certificate = root(&key, "마패 예시 Root", FROM, TO).unwrap();
        Self { key, certificate }
    }

    fn below(&self, kind: Kind) -> Self {
        let key = SecretKey::generate();
        let profile = profile(kind);
        let certificate =
            issue(&self.certificate, &self.key, key.public_key(), &profile, FROM, TO, random_serial())
                .unwrap();
        Self { key, certificate }
    }

    /// A certificate that no rule of ours would make, with these extensions.
    fn below_with(&self, extensions: &[Option<Vec<u8>>]) -> Self {
        let key = SecretKey::generate();
        let subject = name(None, &format!("예시 {}", key.public_key().thumbprint())).unwrap();
        let tbs = Tbs {
            serial: random_serial(),
            issuer: &self.certificate.subject,
            subject: &subject,
            key: key.public_key(),
            from: FROM,
            to: TO,
        };
        let certificate = tbs.sign(&self.key, extensions).unwrap();
        Self { key, certificate }
    }

    fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }
}

fn profile(kind: Kind) -> Profile {
    let uri = vec!["https://issuer.example/1741000".into()];
    Profile { country: None, cn: format!("예시 {kind:?}"), dns: vec!["issuer.example".into()], uri, kind }
}

fn check(chain: &[&Party], root: &Party, purpose: Purpose) -> Result<Certificate, ChainError> {
    let x5c: Vec<Vec<u8>> = chain.iter().map(|party| party.der()).collect();
    verify_chain(&x5c, std::slice::from_ref(&root.certificate), NOW, purpose)
}

#[test]
fn a_leaf_below_the_root_is_good_for_its_purpose_only() {
    let root = Party::root();
    let table = [
        (Kind::Issuer, Purpose::Issuer),
        (Kind::Verifier, Purpose::Verifier),
        (Kind::StatusList, Purpose::StatusList),
        (Kind::TrustList, Purpose::TrustList),
        (Kind::WalletAttestation, Purpose::WalletAttestation),
    ];
    for (kind, _) in table {
        let leaf = root.below(kind);
        for (other, purpose) in table {
            let expected =
                if other == kind { Ok(leaf.certificate.clone()) } else { Err(ChainError::WrongPurpose) };
            assert_eq!(check(&[&leaf], &root, purpose), expected, "{kind:?} as {purpose:?}");
        }
        assert!(check(&[&leaf], &root, Purpose::Any).is_ok());
    }
}

#[test]
fn what_was_asked_for_stands_in_the_certificate() {
    let root = Party::root();
    let key = SecretKey::generate();
    let serial = [0xff; 16];
    let made =
        issue(&root.certificate, &root.key, key.public_key(), &profile(Kind::Issuer), FROM, TO, serial)
            .unwrap();
    assert_eq!(made.public_key(), key.public_key());
    assert_eq!(made.subject_common_name(), Some("예시 Issuer"));
    assert_eq!(made.dns_names(), ["issuer.example"]);
    assert_eq!(made.uris(), ["https://issuer.example/1741000"]);
    assert_eq!((made.not_before(), made.not_after()), (FROM, TO));
    assert_eq!(made.serial(), [0xff; 16]);
    assert_eq!(made.sha256(), crate::sha256(made.der()));
    assert!(!made.is_authority() && !made.is_self_issued());
    assert!(made.is_signed_by(root.key.public_key()) && !made.is_signed_by(key.public_key()));
    assert_eq!(made.authority_key_id, root.certificate.subject_key_id);
    assert!(root.certificate.is_authority() && root.certificate.is_self_issued());
    assert_eq!(Certificate::parse(made.der()), Ok(made));
}

#[test]
fn dates_reach_beyond_2049() {
    let key = SecretKey::generate();
    let border = 2_524_608_000; // 2050-01-01, where UTCTime ends (RFC 5280 §4.1.2.5)
    for to in [border - 1, border, border + 100 * 365 * DAY] {
        let made = root(&key, "예시", NOW, to).unwrap();
        assert_eq!((made.not_before(), made.not_after()), (NOW, to));
    }
}

#[test]
fn an_intermediate_authority_may_stand_between() {
    let root = Party::root();
    let ca = root.below(Kind::Intermediate);
    let leaf = ca.below(Kind::Issuer);
    assert_eq!(check(&[&leaf, &ca], &root, Purpose::Issuer), Ok(leaf.certificate.clone()));
    // The root itself in the chain does no harm.
    assert_eq!(check(&[&leaf, &ca, &root], &root, Purpose::Issuer), Ok(leaf.certificate.clone()));
    // Without the one between, in another order, or with a stranger between, there is no chain.
    assert_eq!(check(&[&leaf], &root, Purpose::Issuer), Err(ChainError::Untrusted));
    assert_eq!(check(&[&ca, &leaf], &root, Purpose::Issuer), Err(ChainError::NotALeaf));
    let stranger = root.below(Kind::Intermediate);
    assert_eq!(check(&[&leaf, &stranger], &root, Purpose::Issuer), Err(ChainError::Broken));
}

#[test]
fn an_authority_issues_no_deeper_than_its_path_length() {
    let root = Party::root();
    let ca = root.below(Kind::Intermediate);
    let key = SecretKey::generate();
    let refused = issue(
        &ca.certificate,
        &ca.key,
        key.public_key(),
        &profile(Kind::Intermediate),
        FROM,
        TO,
        random_serial(),
    );
    assert_eq!(refused, Err(IssueError::NotAuthorised));
    // And one that does so all the same is not believed.
    let deep = ca.below_with(&[authority(None), key_usage(KeyUsages::KeyCertSign.into())]);
    let leaf = deep.below(Kind::Issuer);
    assert_eq!(check(&[&leaf, &deep, &ca], &root, Purpose::Issuer), Err(ChainError::NotAnAuthority));
    let beside = root.below_with(&[authority(None), key_usage(KeyUsages::KeyCertSign.into())]);
    let leaf = beside.below(Kind::Issuer);
    assert!(check(&[&leaf, &beside], &root, Purpose::Issuer).is_ok());
}

#[test]
fn a_leaf_issues_nothing() {
    let root = Party::root();
    let leaf = root.below(Kind::Issuer);
    let key = SecretKey::generate();
    let refused = issue(
        &leaf.certificate,
        &leaf.key,
        key.public_key(),
        &profile(Kind::Issuer),
        FROM,
        TO,
        random_serial(),
    );
    assert_eq!(refused, Err(IssueError::NotAuthorised));
    let forged = leaf.below_with(&[]);
    assert_eq!(check(&[&forged, &leaf], &root, Purpose::Any), Err(ChainError::NotAnAuthority));
    // An authority that may not sign certificates is none; nor is one whose constraints say no.
    let no_usage = root.below_with(&[authority(None), key_usage(KeyUsages::DigitalSignature.into())]);
    assert_eq!(
        check(&[&no_usage.below_with(&[]), &no_usage], &root, Purpose::Any),
        Err(ChainError::NotAnAuthority)
    );
    let no_constraints = root.below_with(&[key_usage(KeyUsages::KeyCertSign.into())]);
    let forged = no_constraints.below_with(&[]);
    assert_eq!(check(&[&forged, &no_constraints], &root, Purpose::Any), Err(ChainError::NotAnAuthority));
}

#[test]
fn only_the_authority_itself_issues() {
    let root = Party::root();
    let other = SecretKey::generate();
    let refused = issue(
        &root.certificate,
        &other,
        other.public_key(),
        &profile(Kind::Issuer),
        FROM,
        TO,
        random_serial(),
    );
    assert_eq!(refused, Err(IssueError::NotAuthorised));
}

#[test]
fn another_root_of_the_same_name_is_not_trusted() {
    let (root, impostor) = (Party::root(), Party::root());
    let leaf = impostor.below(Kind::Issuer);
    assert_eq!(check(&[&leaf], &root, Purpose::Issuer), Err(ChainError::Untrusted));
    assert_eq!(check(&[&leaf, &impostor], &root, Purpose::Issuer), Err(ChainError::Untrusted));
    assert_eq!(verify_chain(&[leaf.der()], &[], NOW, Purpose::Issuer), Err(ChainError::Untrusted));
    // With both as anchors the right one is found, whichever comes first.
    for anchors in [[&root, &impostor], [&impostor, &root]] {
        let anchors = anchors.map(|party| party.certificate.clone());
        assert_eq!(verify_chain(&[leaf.der()], &anchors, NOW, Purpose::Issuer), Ok(leaf.certificate.clone()));
    }
}

#[test]
fn a_root_is_no_leaf() {
    let root = Party::root();
    let foreign = Party::root();
    assert_eq!(check(&[&root], &root, Purpose::Any), Err(ChainError::NotALeaf));
    assert_eq!(check(&[&foreign], &root, Purpose::Any), Err(ChainError::NotALeaf));
}

#[test]
fn a_self_signed_leaf_is_not_trusted_even_as_its_own_anchor() {
    let key = SecretKey::generate();
    let name = name(None, "예시").unwrap();
    let tbs =
        Tbs { serial: [1; 16], issuer: &name, subject: &name, key: key.public_key(), from: FROM, to: TO };
    let certificate = tbs.sign(&key, &[key_usage(KeyUsages::DigitalSignature.into())]).unwrap();
    let party = Party { key, certificate };
    assert_eq!(check(&[&party], &party, Purpose::Any), Err(ChainError::NotALeaf));
}

#[test]
fn the_right_key_under_another_name_is_another_issuer() {
    let root = Party::root();
    let leaf = root.below(Kind::Issuer);
    let renamed = super::root(&root.key, "다른 이름", FROM, TO).unwrap();
    assert_eq!(verify_chain(&[leaf.der()], &[renamed], NOW, Purpose::Issuer), Err(ChainError::Untrusted));
}

#[test]
fn both_algorithm_fields_say_ecdsa_with_sha_256() {
    const SHA256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let der = Party::root().der();
    let at: Vec<usize> = (0..der.len()).filter(|at| der[*at..].starts_with(&SHA256)).collect();
    let [inner, outer] = at[..] else { panic!("two algorithm fields") };
    let with_sha384 = |fields: &[usize]| {
        let mut der = der.clone();
        fields.iter().for_each(|at| der[at + 9] = 3);
        Certificate::parse(&der)
    };
    assert_eq!(with_sha384(&[inner]), Err(CertificateError::Malformed));
    assert_eq!(with_sha384(&[outer]), Err(CertificateError::Malformed));
    assert_eq!(with_sha384(&[inner, outer]), Err(CertificateError::Unsupported));
}

#[test]
fn validity_is_a_matter_of_seconds() {
    let root = Party::root();
    let key = SecretKey::generate();
    let (from, to) = (NOW - DAY, NOW + DAY);
    let leaf = issue(
        &root.certificate,
        &root.key,
        key.public_key(),
        &profile(Kind::Issuer),
        from,
        to,
        random_serial(),
    )
    .unwrap();
    let at = |now: i64| {
        verify_chain(&[leaf.der().to_vec()], std::slice::from_ref(&root.certificate), now, Purpose::Issuer)
            .err()
    };
    assert_eq!(at(from - 1), Some(ChainError::NotYetValid));
    assert_eq!(at(from), None);
    assert_eq!(at(to), None);
    assert_eq!(at(to + 1), Some(ChainError::Expired));
    assert_eq!(at(i64::MIN), Some(ChainError::NotYetValid));
    assert_eq!(at(i64::MAX), Some(ChainError::Expired));
}

#[test]
fn an_expired_authority_ends_what_stands_below() {
    let key = SecretKey::generate();
    let old = root(&key, "예시", FROM, NOW - 1).unwrap();
    let party = Party { key, certificate: old };
    let leaf = party.below_with(&[]);
    assert_eq!(leaf.certificate.not_after(), TO);
    assert_eq!(check(&[&leaf], &party, Purpose::Any), Err(ChainError::Expired));
}

#[test]
fn no_certificate_outlives_its_authority_or_ends_before_it_begins() {
    let root = Party::root();
    let key = SecretKey::generate();
    let made = |from, to| {
        issue(
            &root.certificate,
            &root.key,
            key.public_key(),
            &profile(Kind::Issuer),
            from,
            to,
            random_serial(),
        )
    };
    assert_eq!(made(FROM - 1, TO), Err(IssueError::Validity));
    assert_eq!(made(FROM, TO + 1), Err(IssueError::Validity));
    assert_eq!(made(TO, FROM), Err(IssueError::Validity));
    assert_eq!(made(FROM, FROM), Err(IssueError::Validity));
    assert_eq!(super::root(&key, "예시", -1, TO), Err(IssueError::Validity));
    assert_eq!(super::root(&key, "예시", 0, i64::MAX), Err(IssueError::Validity));
}

#[test]
fn names_have_their_form() {
    let root = Party::root();
    let key = SecretKey::generate();
    let made = |profile: Profile, serial| {
        issue(&root.certificate, &root.key, key.public_key(), &profile, FROM, TO, serial)
    };
    let good = profile(Kind::Issuer);
    assert!(
        made(Profile { country: Some("KR".into()), cn: "가".repeat(64), ..good.clone() }, [1; 16]).is_ok()
    );
    for broken in [
        Profile { country: None, cn: String::new(), ..good.clone() },
        Profile { country: Some("kr".into()), ..good.clone() },
        Profile { country: Some("KOR".into()), ..good.clone() },
        Profile { country: None, cn: "가".repeat(65), ..good.clone() },
        Profile { country: None, cn: "a\0b".into(), ..good.clone() },
        Profile { dns: vec![String::new()], ..good.clone() },
        Profile { dns: vec!["예시.example".into()], ..good.clone() },
        Profile { dns: vec!["a b.example".into()], ..good.clone() },
        Profile { uri: vec!["no scheme".into()], ..good.clone() },
        Profile { uri: vec!["issuer.example".into()], ..good.clone() },
    ] {
        assert_eq!(made(broken.clone(), [1; 16]), Err(IssueError::Name), "{broken:?}");
    }
    assert_eq!(made(good, [0; 16]), Err(IssueError::Name));
}

#[test]
fn a_foreign_leaf_without_extended_usage_is_for_any_purpose_but_must_sign() {
    let root = Party::root();
    let plain = root.below_with(&[]);
    assert!(check(&[&plain], &root, Purpose::Verifier).is_ok());
    let signing = root.below_with(&[key_usage(KeyUsages::DigitalSignature.into())]);
    assert!(check(&[&signing], &root, Purpose::Verifier).is_ok());
    let agreeing = root.below_with(&[key_usage(KeyUsages::KeyAgreement.into())]);
    assert_eq!(check(&[&agreeing], &root, Purpose::Any), Err(ChainError::WrongPurpose));
}

#[test]
fn an_authority_for_one_purpose_vouches_for_no_other() {
    let root = Party::root();
    let usage =
        super::issue::extension(false, &x509_cert::ext::pkix::ExtendedKeyUsage(vec![usage::VERIFIER]));
    let ca = root.below_with(&[authority(None), key_usage(KeyUsages::KeyCertSign.into()), usage]);
    assert!(check(&[&ca.below(Kind::Verifier), &ca], &root, Purpose::Verifier).is_ok());
    assert_eq!(check(&[&ca.below(Kind::Issuer), &ca], &root, Purpose::Issuer), Err(ChainError::WrongPurpose));
}

#[test]
fn a_key_identifier_that_names_another_key_breaks_the_chain() {
    let root = Party::root();
    let wrong = x509_cert::ext::pkix::AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new([7; 20].as_slice()).unwrap()),
        ..Default::default()
    };
    let leaf = root.below_with(&[super::issue::extension(false, &wrong)]);
    assert_eq!(check(&[&leaf], &root, Purpose::Any), Err(ChainError::Untrusted));
}

/// Name constraints, which this reader does not weigh: ignoring critical ones would widen what the authority may do.
fn unknown(critical: bool) -> Option<Vec<u8>> {
    let extn_value = OctetString::new([5, 0].as_slice()).unwrap();
    Extension { extn_id: ObjectIdentifier::new_unwrap("2.5.29.30"), critical, extn_value }.to_der().ok()
}

#[test]
fn an_unknown_critical_extension_is_refused_an_uncritical_one_is_not() {
    let root = Party::root();
    assert!(check(&[&root.below_with(&[unknown(false)])], &root, Purpose::Any).is_ok());
    let subject = name(None, "예시").unwrap();
    let tbs = Tbs {
        serial: [1; 16],
        issuer: &root.certificate.subject,
        subject: &subject,
        key: root.key.public_key(),
        from: FROM,
        to: TO,
    };
    let refused = |extensions: &[Option<Vec<u8>>]| tbs.sign(&root.key, extensions).unwrap_err();
    assert_eq!(refused(&[unknown(true)]), IssueError::Unreadable(CertificateError::UnknownCriticalExtension));
    // The same extension twice means two things (RFC 5280 §4.2).
    let twice = [authority(None), authority(Some(0))];
    assert_eq!(refused(&twice), IssueError::Unreadable(CertificateError::Malformed));
    let twice = [subject_key(root.key.public_key()), subject_key(root.key.public_key())];
    assert_eq!(refused(&twice), IssueError::Unreadable(CertificateError::Malformed));
}

#[test]
fn chains_are_bounded() {
    let root = Party::root();
    let leaf = root.below(Kind::Issuer);
    assert_eq!(check(&[], &root, Purpose::Any), Err(ChainError::Empty));
    let filler = root.below(Kind::Intermediate);
    let long = [&leaf, &filler, &filler, &filler, &filler];
    assert_eq!(check(&long, &root, Purpose::Any), Err(ChainError::TooLong));
    let anchors = std::slice::from_ref(&root.certificate);
    assert_eq!(
        verify_chain(&[vec![0x30; MAX_CERTIFICATE + 1]], anchors, NOW, Purpose::Any),
        Err(ChainError::Certificate(CertificateError::TooLarge))
    );
}

#[test]
fn what_is_no_certificate_is_refused() {
    let der = Party::root().der();
    for broken in
        [&b""[..], b"\x30\x00", &der[..der.len() - 1], &[&der[..], &[0]].concat(), &[&[0][..], &der].concat()]
    {
        assert_eq!(Certificate::parse(broken), Err(CertificateError::Malformed));
    }
}

/// Made by OpenSSL 3: `req -x509 -newkey rsa:1024 -subj /CN=rsa` and `-newkey ec -pkeyopt ec_paramgen_curve:P-256`.
mod by_openssl {
    pub(super) const RSA: &str = "308201f830820161a0030201020214160b8d92be200ba052ab278d391bb42d2de18199300d06092a864886f70d01010b0500300e310c300a06035504030c03727361301e170d3236313132333232343130305a170d3336313132303232343130305a300e310c300a06035504030c0372736130819f300d06092a864886f70d010101050003818d0030818902818100aef3a58d8e4320e940de4f5e1bd4e8e7350ca277a29d5b043605358a7e662a04cff7597df3585fb9f5560f5ca4f3c1cac82a8cfe5a3cd3e166e01f9e65d13df7124a9f52c6bf0ab269595faacbb09d9c839da1f6cbcc64e629b8b30c4bda5051600b758674a6fbab131b87dbcc282976f2bc947b04919815f6eec15b6c859b210203010001a3533051301d0603551d0e0416041441700753c2c78643ba673dd099f44ec11e8d2381301f0603551d2304183016801441700753c2c78643ba673dd099f44ec11e8d2381300f0603551d130101ff040530030101ff300d06092a864886f70d01010b050003818100541e987be73609ce8659e673bd1f8ce601074ceb78c8a4f974455cb82dbd7df734d591b653521330a7f35bbab4397f776b734e3d9d7816d232ff79980171134c6e6d0809660210469976d001522e1dba9021815df641f9ef87cf3994006e4d4cfc3f593e4a6295dc0654e3197afa0eada832bca2aeb3b1f6af150f2f5d4b8747";
    pub(super) const P256: &str = "3082018c30820132a003020102021444121bb024e641b9cee4f9d918e4719200982fb3300a06082a8648ce3d040302300f310d300b06035504030c0470323536301e170d3236313132333232343130305a170d3336313132303232343130305a300f310d300b06035504030c04703235363059301306072a8648ce3d020106082a8648ce3d030107034200045cb4dec31a8e94423f656c0de2cad9765b138207cf1ee094e1fe1d96f388748d264a8fe37969b5e67527ce61f0fe485b52f4d0e81404fb4f668c59ee0c4e927da36c306a301d0603551d0e041604148cf4781c42e469103e175bc820449c203612562c301f0603551d230418301680148cf4781c42e469103e175bc820449c203612562c300f0603551d130101ff040530030101ff30170603551d110410300e820c703235362e6578616d706c65300a06082a8648ce3d0403020348003045022100cd55e68808d534e3052b15337c1ca88a59e2acf5ff7a9e120f8039f31d35159002202fe7cf7c19556c74c3cc211ab4c9063967c1ebc3d68ccef4d56064aad5d723b5";
}

#[test]
fn other_algorithms_are_refused_and_openssl_s_p_256_is_read() {
    let rsa = hex_decode(by_openssl::RSA).unwrap();
    assert_eq!(Certificate::parse(&rsa), Err(CertificateError::Unsupported));
    let read = Certificate::parse(&hex_decode(by_openssl::P256).unwrap()).unwrap();
    assert_eq!(read.subject_common_name(), Some("p256"));
    assert!(read.is_signed_by(read.public_key()) && read.is_self_issued());
    assert_eq!(read.dns_names(), ["p256.example"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_single_bit_can_be_changed(at: prop::sample::Index, bit in 0..8u8) {
        let root = Party::root();
        let mut der = root.below(Kind::Issuer).der();
        let at = at.index(der.len());
        der[at] ^= 1 << bit;
        let anchors = std::slice::from_ref(&root.certificate);
        prop_assert!(verify_chain(&[der], anchors, NOW, Purpose::Issuer).is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_stumble(bytes: Vec<u8>, at: prop::sample::Index) {
        let _ = Certificate::parse(&bytes);
        let mut der = Party::root().der();
        let at = at.index(der.len());
        der.splice(at.., bytes);
        let _ = Certificate::parse(&der);
    }

    #[test]
    fn any_name_and_serial_survives(cn in "[^\\p{Cc}]{1,64}", serial in prop::array::uniform16(any::<u8>())) {
        prop_assume!(serial != [0; 16]);
        let root = Party::root();
        let key: &PublicKey = root.key.public_key();
        let profile = Profile { country: None, cn: cn.clone(), dns: vec![], uri: vec![], kind: Kind::StatusList };
        let made = issue(&root.certificate, &root.key, key, &profile, FROM, TO, serial).unwrap();
        prop_assert_eq!(made.subject_common_name(), Some(cn.as_str()));
        let start = serial.iter().position(|byte| *byte != 0).unwrap();
        prop_assert_eq!(made.serial(), &serial[start..]);
    }
}
