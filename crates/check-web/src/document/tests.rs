use certificate::number::Number;
use keys::SecretKey;

use super::*;

fn word() -> Word {
    Word {
        kind: Kind::Employment,
        number: Number::random(),
        issued: 20_787,
        born: 7_305,
        name: "예시 김공무".to_owned(),
        agency: "예시행정부".to_owned(),
        department: "디지털정책과".to_owned(),
        rank: "행정주사".to_owned(),
        purpose: "대출 신청".to_owned(),
        recipient: "예시은행".to_owned(),
        rows: None,
    }
}

fn issuers(keys: &[&SecretKey]) -> String {
    let all =
        keys.iter().map(|key| json!({ "jwk": key.public_key().to_jwk(), "ko": "예시부", "en": "Example" }));
    Value::Array(all.collect()).to_string()
}

fn read(text: &str, issuers: &str) -> Value {
    serde_json::from_str(&read_certificate_code(text, issuers)).unwrap()
}

#[test]
fn a_code_says_its_facts_and_who_signed_it() {
    let (other, key) = (SecretKey::generate(), SecretKey::generate());
    let word = word();
    let text = word.text("https://id.example/verify", &key).unwrap();
    let told = read(&text, &issuers(&[&other, &key]));
    assert_eq!((&told["verdict"], &told["name"]), (&json!("genuine"), &json!("예시 김공무")));
    assert_eq!((&told["issued"], &told["born"]), (&json!("2026-11-30"), &json!("1990-01-01")));
    assert_eq!(told["number"], json!(word.number.to_string()));
    assert_eq!(told["issuer"]["ko"], "예시부");
}

#[test]
fn each_wrong_code_is_called_by_its_name() {
    let (other, key) = (SecretKey::generate(), SecretKey::generate());
    let text = word().text("https://id.example/verify", &key).unwrap();
    assert_eq!(read(&text, &issuers(&[&other])), json!({ "verdict": "issuer" }));
    assert_eq!(read(&text, "no list"), json!({ "verdict": "issuer" }));
    // The facts of one code under the signature of another.
    let open = |text: &str| keys::encoding::b64url_decode(text.split_once('#').unwrap().1).unwrap();
    let second = word().text("https://id.example/verify", &key).unwrap();
    let (mut mixed, second) = (open(&text), open(&second));
    let at = mixed.len() - 64;
    mixed[at..].copy_from_slice(&second[second.len() - 64..]);
    let mixed = keys::encoding::b64url_encode(&mixed);
    assert_eq!(read(&mixed, &issuers(&[&key])), json!({ "verdict": "changed" }));
    for none in ["", "https://id.example/verify", "WIFI:S:example;;"] {
        assert_eq!(read(none, &issuers(&[&key])), json!({ "verdict": "unknown" }));
    }
}

#[test]
fn a_file_that_is_no_pdf_gets_an_answer_all_the_same() {
    let report: Value = serde_json::from_str(&check_sealed_pdf(b"hello", "", 1.0)).unwrap();
    assert_eq!(report["verdict"], "unknown");
    assert!(report["findings"][0]["ko"].as_str().unwrap().contains("PDF"));
}
