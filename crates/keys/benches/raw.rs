//! What the operations cost that everything above is made of, and what the envelopes add to them.
//!
//! `cargo bench -p keys --features aws-lc` measures the server's engine, without the feature the browser's.

#![allow(clippy::unwrap_used, reason = "what can't run can't be measured")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use keys::{
    Jwk, PublicKey, SecretKey, Signer, jwe,
    jws::{self, EncodedHeader, Header, SigningInput, Typ, Unverified},
    mac, seal, sha256, strict_json, x509,
};

const DAY: i64 = 86_400;

fn raw(c: &mut Criterion) {
    let key = SecretKey::generate();
    let message = vec![b'm'; 1024];
    let signature = key.sign(&message).unwrap();
    let peer = SecretKey::generate();
    c.bench_function("p256_sign", |b| b.iter(|| key.sign(black_box(&message)).unwrap()));
    c.bench_function("p256_verify", |b| {
        b.iter(|| key.public_key().verify(black_box(&message), black_box(&signature)).unwrap())
    });
    let often = PublicKey::from_sec1(&key.public_key().to_sec1()).unwrap();
    often.prepare();
    c.bench_function("p256_verify_prepared", |b| {
        b.iter(|| often.verify(black_box(&message), black_box(&signature)).unwrap())
    });
    c.bench_function("p256_agree", |b| b.iter(|| key.agree(black_box(peer.public_key()))));
    c.bench_function("p256_generate", |b| b.iter(SecretKey::generate));
    let jwk: Jwk = key.public_key().to_jwk();
    c.bench_function("p256_from_jwk", |b| b.iter(|| PublicKey::from_jwk(black_box(&jwk)).unwrap()));
    c.bench_function("sha256_1k", |b| b.iter(|| sha256(black_box(&message))));
    c.bench_function("hmac_sha256_1k", |b| b.iter(|| mac::hmac_sha256(b"key", &[black_box(&message)])));
}

fn envelopes(c: &mut Criterion) {
    let key = SecretKey::generate();
    let root_key = SecretKey::generate();
    let root = x509::root(&root_key, "예시 Root", 0, 90 * DAY).unwrap();
    let profile = x509::Profile {
        country: None,
        cn: "예시 Issuer".into(),
        dns: vec!["issuer.example".into()],
        uri: vec![],
        kind: x509::Kind::Issuer,
    };
    let serial = x509::random_serial();
    let leaf = x509::issue(&root, &root_key, key.public_key(), &profile, 0, 90 * DAY, serial).unwrap();
    let x5c = vec![leaf.der().to_vec()];
    let header = Header::es256("dc+sd-jwt").with_kid("did:mapae:1:1741000#1").with_x5c(x5c.clone());
    let encoded = EncodedHeader::new(&header);
    let payload = serde_json::json!({
        "iss": "https://issuer.example", "vct": "https://issuer.example/types/badge", "iat": 1, "exp": 2,
        "_sd": (0..12).map(|i| keys::encoding::b64url_encode(&[i; 32])).collect::<Vec<_>>(),
        "cnf": {"jwk": key.public_key().to_jwk()},
    })
    .to_string();
    c.bench_function("jws_sign", |b| {
        b.iter(|| jws::sign_encoded(&key, &encoded, black_box(payload.as_bytes())).unwrap())
    });
    c.bench_function("jws_signing_input", |b| {
        b.iter(|| SigningInput::with(&encoded, black_box(payload.as_bytes())))
    });
    c.bench_function("jws_header_encode", |b| b.iter(|| EncodedHeader::new(black_box(&header))));
    let token = jws::sign(&key, &header, payload.as_bytes()).unwrap();
    c.bench_function("jws_parse", |b| b.iter(|| Unverified::parse(black_box(&token), 1 << 16).unwrap()));
    c.bench_function("jws_parse_verify_claims", |b| {
        b.iter(|| {
            let token = Unverified::parse(black_box(&token), 1 << 16).unwrap();
            let token = token.verify(key.public_key(), Typ::Is("dc+sd-jwt")).unwrap();
            token.claims::<serde_json::Value>().unwrap()
        })
    });
    c.bench_function("strict_json_check", |b| {
        b.iter(|| strict_json::check(black_box(payload.as_bytes())).unwrap())
    });
    let anchors = [root];
    c.bench_function("x509_parse", |b| b.iter(|| x509::Certificate::parse(black_box(leaf.der())).unwrap()));
    c.bench_function("x509_verify_chain", |b| {
        b.iter(|| x509::verify_chain(black_box(&x5c), &anchors, DAY, x509::Purpose::Issuer).unwrap())
    });
    let plain = vec![b'p'; 4096];
    c.bench_function("jwe_encrypt_4k", |b| {
        b.iter(|| {
            jwe::encrypt(key.public_key(), None, jwe::Enc::A256Gcm, b"", b"", black_box(&plain)).unwrap()
        })
    });
    let message = jwe::encrypt(key.public_key(), None, jwe::Enc::A256Gcm, b"", b"", &plain).unwrap();
    c.bench_function("jwe_decrypt_4k", |b| {
        b.iter(|| jwe::decrypt(&key, black_box(&message), 1 << 16).unwrap())
    });
    let ring = seal::KeyRing::new(1, seal::SealKey::generate());
    c.bench_function("seal_64", |b| b.iter(|| ring.seal(b"employee|name|1", black_box(&[7; 64]))));
    let sealed = ring.seal(b"employee|name|1", &[7; 64]);
    c.bench_function("open_64", |b| b.iter(|| ring.open(b"employee|name|1", black_box(&sealed)).unwrap()));
}

criterion_group!(benches, raw, envelopes);
criterion_main!(benches);
