//! The test vectors of `docs/gate-protocol.md`.

use std::format;

use super::*;
use crate::reader::Draw;

const DOCUMENT: &str = include_str!("../../../../docs/gate-protocol.md");

/// The value of a line `name  hex` of the document's vectors.
fn vector(name: &str) -> Vec<u8> {
    let line = DOCUMENT.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).expect(name);
    hex(line.trim())
}

fn secret(name: &str) -> SecretKey {
    SecretKey::from_bytes(&vector(name).try_into().unwrap()).unwrap()
}

#[test]
fn the_documents_vectors_are_what_both_sides_say() {
    if std::env::var("MAPAE_WRITE_VECTORS").is_ok() {
        return write();
    }
    let authorities = [secret("authority key").public_key().clone()];
    let gate_key = secret("gate key");
    let pass = vector("pass");
    let read = Pass::verify(&pass, &authorities).unwrap();
    assert_eq!(&read.key, gate_key.public_key());
    let certificate = vector("reader certificate");
    let reader_key = secret("reader key");
    assert_eq!(
        &ReaderCertificate::verify(&certificate, &authorities, NOW).unwrap().key,
        reader_key.public_key()
    );
    let identity = Identity { certificate, signer: Arc::new(reader_key) };
    let phone = Phone {
        evidence: OPEN,
        now_s: NOW,
        sign: &|message| keys::Signer::sign(&gate_key, message),
        pass: Some((&pass, read.expires)),
        authorities: &authorities,
    };

    // The card, with the document's commands and ephemeral key: every answer but the signed one is the document's.
    let mut card = Card::new(CardKeys::default(), 1_024);
    let mut answer =
        |name: &str| card.process_with(&vector(name), &phone, || secret("card ephemeral key")).bytes;
    assert_eq!(to_hex(&answer("SELECT command")), to_hex(&vector("SELECT response")));
    assert_eq!(to_hex(&answer("AUTH0 command")), to_hex(&vector("AUTH0 response")));
    assert_eq!(answer("AUTH1 command").len(), vector("AUTH1 response").len(), "ECDSA may draw another nonce");

    // The reader, with the document's answers and ephemeral key: it opens them, and seals the document's EXCHANGE.
    let gate = GateId { group: GROUP, door: DOOR };
    let (select, selecting) = reader::select();
    assert_eq!(select, vector("SELECT command"));
    let draw = Draw {
        ephemeral: secret("reader ephemeral key"),
        transaction: vector("transaction").try_into().unwrap(),
    };
    let (auth0, opening) = selecting.answered(&vector("SELECT response"), draw, gate, NOW, true).unwrap();
    assert_eq!(to_hex(&auth0), to_hex(&vector("AUTH0 command")));
    let answered = opening.answered(&vector("AUTH0 response")).unwrap();
    // AUTH1 as in the document: its signature is part of the transcript.
    let auth1 = vector("AUTH1 command");
    let proving = answered.proved_with(&auth1[7..auth1.len() - 2]);
    let Proved::Tap(tap) = proving.answered(&vector("AUTH1 response"), &authorities).unwrap() else {
        panic!("in one piece")
    };
    assert_eq!((tap.pass.gate_ref, tap.evidence), (read.gate_ref, OPEN));
    let verdict =
        Verdict {
            open: true, keep: true, reason: Reason::Granted.number(), place: "예시청사 정문".into()
        };
    let (exchange, closing) = tap.decide(&verdict).unwrap();
    assert_eq!(to_hex(&exchange), to_hex(&vector("EXCHANGE command")));
    let remembered = closing.answered(&vector("EXCHANGE response")).unwrap().expect("kept");
    assert_eq!(to_hex(remembered.key.as_slice()), to_hex(&vector("persistent key")));
    assert_eq!(
        to_hex(&crate::fast::hint(&remembered.key, &GROUP, crate::fast::day_of(NOW))),
        to_hex(&vector("hint"))
    );
    drop(identity);
}

/// Prints a fresh set of vectors for the document.
fn write() {
    let authority = SecretKey::from_bytes(&[0x11; 32]).unwrap();
    let gate_key = SecretKey::from_bytes(&[0x22; 32]).unwrap();
    let reader_key = SecretKey::from_bytes(&[0x33; 32]).unwrap();
    let now = u32::try_from(NOW).unwrap();
    let pass = pass_for(gate_key.public_key()).sign(&authority).unwrap();
    let certificate = ReaderCertificate {
        group: GROUP,
        key: reader_key.public_key().clone(),
        not_before: now - 10,
        not_after: now + 86_400,
    }
    .sign(&authority)
    .unwrap();
    let authorities = [authority.public_key().clone()];
    let identity = Identity { certificate: certificate.clone(), signer: Arc::new(reader_key) };
    let phone = Phone {
        evidence: OPEN,
        now_s: NOW,
        sign: &|message| keys::Signer::sign(&gate_key, message),
        pass: Some((&pass, NOW + 3_600)),
        authorities: &authorities,
    };
    let mut card = Card::new(CardKeys::default(), 1_024);
    let mut say = |name: &str, command: &[u8]| {
        let answer = card.process_with(command, &phone, || SecretKey::from_bytes(&[0x55; 32]).unwrap()).bytes;
        std::println!("{name} command = {}\n{name} response = {}", to_hex(command), to_hex(&answer));
        answer
    };
    for (name, byte) in [
        ("authority key", 0x11),
        ("gate key", 0x22),
        ("reader key", 0x33),
        ("reader ephemeral key", 0x44),
        ("card ephemeral key", 0x55),
    ] {
        std::println!("{name} = {}", to_hex(&[byte; 32]));
    }
    std::println!("transaction = {}", to_hex(&[0x66; 16]));
    std::println!("pass = {}\nreader certificate = {}", to_hex(&pass), to_hex(&certificate));
    let gate = GateId { group: GROUP, door: DOOR };
    let (select, selecting) = reader::select();
    let fci = say("SELECT", &select);
    let draw = Draw { ephemeral: SecretKey::from_bytes(&[0x44; 32]).unwrap(), transaction: [0x66; 16] };
    let (auth0, opening) = selecting.answered(&fci, draw, gate, NOW, true).unwrap();
    let answered = opening.answered(&say("AUTH0", &auth0)).unwrap();
    let (auth1, proving) = answered.prove(&identity).unwrap();
    let Proved::Tap(tap) = proving.answered(&say("AUTH1", &auth1), &authorities).unwrap() else { panic!() };
    let verdict =
        Verdict {
            open: true, keep: true, reason: Reason::Granted.number(), place: "예시청사 정문".into()
        };
    let (exchange, closing) = tap.decide(&verdict).unwrap();
    let remembered = closing.answered(&say("EXCHANGE", &exchange)).unwrap().unwrap();
    std::println!("persistent key = {}", to_hex(remembered.key.as_slice()));
    std::println!("hint = {}", to_hex(&crate::fast::hint(&remembered.key, &GROUP, crate::fast::day_of(NOW))));
}
