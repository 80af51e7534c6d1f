//! Certificates made for these tests: example keys whose leaf says what it says.

use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::{KeyStanding, key_standing};
use crate::ports::SecurityLevel;

const SOFTWARE: &str = "308201b53082015ba00302010202140ddf5d4a2b549c9ee5425af5cfd410178d549fd5300a06082a8648ce3d04030230163114301206035504030c0b4578616d706c65206b65793020170d3236313133303039323030375a180f32313236313130363039323030375a30163114301206035504030c0b4578616d706c65206b65793059301306072a8648ce3d020106082a8648ce3d03010703420004cb0c982270398eca0e7a55d7321d14927daddab4ab5f051a2360a99de9f0914649ae4674b11d7a3e1ed1e2b12f5438185b6c45f908cf9e1765f18cad594a6f7ba38184308181301d0603551d0e0416041490e1da7c1d2d3d9aba5e8e59b2ad5ac182481289301f0603551d2304183016801490e1da7c1d2d3d9aba5e8e59b2ad5ac182481289300f0603551d130101ff040530030101ff302e060a2b06010401d6790201110420301e020200c80a0100020200c80a010004086368616c6c656e67040030003000300a06082a8648ce3d040302034800304502205f0e095c0e60406bac87ba8ecbf9eaa38a3f16e881f5beb7de1d71e94a728d450221008689a937c1749c7ab1474abc5422ea273719aa14e94bfef2d902b441b6c69c31";
const STRONGBOX: &str = "308201b43082015ba00302010202140f3997298feaf5b12b0df8babcf69252f59e0677300a06082a8648ce3d04030230163114301206035504030c0b4578616d706c65206b65793020170d3236313133303039323030385a180f32313236313130363039323030385a30163114301206035504030c0b4578616d706c65206b65793059301306072a8648ce3d020106082a8648ce3d0301070342000401c15e6577beb67b52427aa38b9ecd7d52a77a078b575e5a0901ac1bd09e0e003a16f4f0dab0e32b09e519f48a6018bfed9e53a33818aba052bf1b7c701b1845a38184308181301d0603551d0e041604149f895174baeab36e453a8359a925b77b4cd902cf301f0603551d230418301680149f895174baeab36e453a8359a925b77b4cd902cf300f0603551d130101ff040530030101ff302e060a2b06010401d6790201110420301e020200c80a0102020200c80a010204086368616c6c656e67040030003000300a06082a8648ce3d040302034700304402202b66204d40b93c3b3851e8ce7562a6ef85f39e93037d2bc91b1dab6cc39c97eb022071ed77446c109fbd70e5ed6d77cc4c7bae179308b3e3d3760c937e26a70570a2";
const MIXED: &str = "308201b53082015ba00302010202144365e9b97033449accabce9710086bb6e89d66a5300a06082a8648ce3d04030230163114301206035504030c0b4578616d706c65206b65793020170d3236313133303039323030385a180f32313236313130363039323030385a30163114301206035504030c0b4578616d706c65206b65793059301306072a8648ce3d020106082a8648ce3d03010703420004adfb940a545cf20c477cd416d64621de8f8883308daaa553210d1198fda3165331e0079a99705b9bb878778156fbe4fee539cecdd9fbacb4917a560ed2b4df84a38184308181301d0603551d0e04160414e1a4776f44963333c9b7b72e5e8bd6a87b833a2d301f0603551d23041830168014e1a4776f44963333c9b7b72e5e8bd6a87b833a2d300f0603551d130101ff040530030101ff302e060a2b06010401d6790201110420301e020200c80a0101020200c80a010204086368616c6c656e67040030003000300a06082a8648ce3d0403020348003045022100f4c499b2274780ae042f36ced84d6313bd4e408e3b6a06dc7378fe9fcd47ebfe022051d6b3ddc881201f0cda017aa504f471f01b3cba3cff9723308a66ca6bdcff2f";
const PLAIN: &str = "3082018330820129a00302010202145e44d77f187c2648eeae67a8227ab34808aa4c89300a06082a8648ce3d04030230163114301206035504030c0b4578616d706c65206b65793020170d3236313133303039323030385a180f32313236313130363039323030385a30163114301206035504030c0b4578616d706c65206b65793059301306072a8648ce3d020106082a8648ce3d03010703420004a7793683c47a00a72b9b1cc59ea97356f2613b5775acb2d03c9142f217a0c519d956599dda9489e1f7f869edfbcae76ba6fdb3e8bde7c5e37e664e0aedb6daa7a3533051301d0603551d0e041604144246370f2060ca0e7b92ea597ff3c10dc5f7af7e301f0603551d230418301680144246370f2060ca0e7b92ea597ff3c10dc5f7af7e300f0603551d130101ff040530030101ff300a06082a8648ce3d0403020348003045022100dad2f0adb728b954d879897560bc8f323ff4218e6bc5d949899054aa6bac62c50220668ec3b423244c8fc35c31237d030031fb8dea1541016886caaef0e7415efaff";

fn der(hex: &str) -> Vec<u8> {
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn key(leaf: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(leaf).unwrap();
    certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes().to_vec()
}

fn standing(said: SecurityLevel, leaf: &str) -> KeyStanding {
    let leaf = der(leaf);
    key_standing(said, key(&leaf), vec![leaf])
}

#[test]
fn a_chain_that_says_less_than_the_platform_makes_the_word_weaker() {
    let said = SecurityLevel::SecureElement;
    assert_eq!(standing(said, SOFTWARE), KeyStanding { level: SecurityLevel::Software, attested: true });
    assert_eq!(
        standing(said, MIXED),
        KeyStanding { level: SecurityLevel::TrustedEnvironment, attested: true }
    );
    assert_eq!(
        standing(said, STRONGBOX),
        KeyStanding { level: SecurityLevel::SecureElement, attested: true }
    );
}

#[test]
fn a_chain_that_says_more_than_the_platform_makes_it_no_stronger() {
    for said in [SecurityLevel::Software, SecurityLevel::Unknown, SecurityLevel::TrustedEnvironment] {
        assert_eq!(standing(said, STRONGBOX), KeyStanding { level: said, attested: true });
    }
}

#[test]
fn a_key_without_attestation_is_told_as_not_attested() {
    let said = SecurityLevel::TrustedEnvironment;
    assert_eq!(standing(said, PLAIN), KeyStanding { level: said, attested: false });
    assert_eq!(key_standing(said, vec![4; 65], Vec::new()), KeyStanding { level: said, attested: false });
}

#[test]
fn a_chain_of_another_key_or_one_that_cant_be_read_is_a_software_key() {
    let weakest = KeyStanding { level: SecurityLevel::Software, attested: false };
    let said = SecurityLevel::SecureElement;
    let (leaf, other) = (der(STRONGBOX), key(&der(SOFTWARE)));
    assert_eq!(key_standing(said, other, vec![leaf.clone()]), weakest);
    for cut in [0, 1, leaf.len() / 2, leaf.len() - 1] {
        assert_eq!(key_standing(said, key(&leaf), vec![leaf[..cut].to_vec()]), weakest, "cut at {cut}");
    }
    assert_eq!(key_standing(said, key(&leaf), vec![leaf.clone(); 11]), weakest, "a chain without an end");
    assert_eq!(
        key_standing(said, key(&leaf), vec![vec![0x30; 9_000]]),
        weakest,
        "a certificate without an end"
    );
}

#[test]
fn an_extension_that_cant_be_read_is_no_attestation() {
    // The same certificate with the levels' tags changed from ENUMERATED to BOOLEAN.
    let broken = STRONGBOX.replacen("020200c80a0102", "020200c8010102", 2);
    assert_ne!(broken, STRONGBOX, "the extension was found");
    let leaf = der(&broken);
    let told = key_standing(SecurityLevel::SecureElement, key(&leaf), vec![leaf]);
    assert_ne!(told.level, SecurityLevel::SecureElement);
}
