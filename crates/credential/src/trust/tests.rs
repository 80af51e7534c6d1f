use keys::SecretKey;
use keys::x509::Kind;

use super::*;
use crate::fixture::{ISS, NOW, VCT, World, bilingual, certificate};

const DAY: i64 = 86_400;

fn entry(jkt: &str) -> TrustEntry {
    TrustEntry {
        issuer: ISS.to_owned(),
        name: bilingual("예시부"),
        jkt: jkt.to_owned(),
        vcts: vec![VCT.to_owned()],
        from: NOW - 30 * DAY,
        until: None,
        state: KeyState::Active,
        statement: None,
    }
}

fn origin(issued_at: Option<i64>) -> Origin<'static> {
    Origin { jkt: "k", issuer: Some(ISS), vct: VCT, issued_at }
}

fn judged(entries: &[TrustEntry], origin: &Origin<'_>) -> Result<(), Distrust> {
    judge(entries, origin).map(|_| ())
}

#[test]
fn only_the_owner_of_an_accredited_key_is_trusted() {
    let active = [entry("k")];
    assert_eq!(judged(&active, &origin(Some(NOW))), Ok(()));
    assert_eq!(judged(&[], &origin(Some(NOW))), Err(Distrust::Unknown));
    let other_type = Origin { vct: "https://issuer.example/types/licence", ..origin(Some(NOW)) };
    assert_eq!(judged(&active, &other_type), Err(Distrust::NotAccredited));
    let other_issuer = Origin { issuer: Some("https://other.example"), ..origin(Some(NOW)) };
    assert_eq!(judged(&active, &other_issuer), Err(Distrust::OtherIssuer));
    let unnamed = Origin { issuer: None, ..origin(Some(NOW)) };
    assert_eq!(judged(&active, &unnamed), Ok(()));
}

#[test]
fn what_a_retired_key_issued_before_its_end_still_holds() {
    let mut retired = entry("k");
    retired.state = KeyState::Retired { at: NOW - DAY };
    let entries = [retired];
    assert_eq!(judged(&entries, &origin(Some(NOW - DAY - 1))), Ok(()));
    assert_eq!(judged(&entries, &origin(Some(NOW - DAY))), Err(Distrust::Retired));
    assert_eq!(judged(&entries, &origin(None)), Err(Distrust::Retired), "nothing shows that it is older");
}

#[test]
fn a_revoked_key_is_believed_no_date() {
    let mut revoked = entry("k");
    revoked.state = KeyState::Revoked { at: NOW };
    for date in [Some(NOW - 29 * DAY), Some(0), Some(NOW), None] {
        assert_eq!(judged(&[revoked.clone()], &origin(date)), Err(Distrust::Revoked));
    }
    // Nor where another entry of the same key is still active.
    let mut elsewhere = revoked;
    elsewhere.vcts = vec!["https://issuer.example/types/licence".to_owned()];
    assert_eq!(judged(&[entry("k"), elsewhere], &origin(Some(NOW))), Err(Distrust::Revoked));
}

#[test]
fn an_accreditation_has_a_beginning_and_an_end() {
    let mut bounded = entry("k");
    bounded.from = NOW;
    bounded.until = Some(NOW + DAY);
    let entries = [bounded];
    // A copy of this week says that it is from Monday.
    assert_eq!(judged(&entries, &origin(Some(Week::of(NOW).start()))), Ok(()));
    assert_eq!(judged(&entries, &origin(Some(Week::of(NOW).start() - 1))), Err(Distrust::NotAccredited));
    assert_eq!(judged(&entries, &origin(Some(NOW + DAY))), Err(Distrust::Expired));
}

#[test]
fn one_of_two_accreditations_is_enough() {
    let mut ended = entry("k");
    ended.until = Some(NOW - 20 * DAY);
    assert_eq!(judged(&[ended.clone(), entry("k")], &origin(Some(NOW))), Ok(()));
    assert_eq!(judged(&[ended], &origin(Some(NOW))), Err(Distrust::Expired));
}

fn list(world: &World, version: u64, entries: Vec<TrustEntry>) -> TrustList {
    TrustList::new(ISS.to_owned(), version, (NOW, NOW + MAX_VALIDITY), vec![world.root.clone()], entries)
        .unwrap()
}

#[test]
fn a_list_reads_back_under_its_root() {
    let world = World::new();
    let key = SecretKey::generate();
    let leaf = certificate(&world.root, &world.root_key, &key, Kind::TrustList);
    let mut retired = entry("b");
    retired.state = KeyState::Retired { at: NOW - 5 };
    let list = list(&world, 7, vec![retired.clone(), entry("c"), entry("a"), entry("c")]);
    let text = list.sign("trust-1", &[leaf.der().to_vec()], &key).unwrap();
    let roots = [world.root.clone()];
    let anchor = Anchor::Roots(&roots);

    let read = TrustList::verify(&text, anchor, 7, NOW + 1).unwrap();
    assert_eq!((read.version(), read.issuer(), read.expires_at()), (7, ISS, NOW + MAX_VALIDITY));
    assert_eq!(read.entries(), list.entries());
    assert_eq!(read.entries_of("b"), [retired]);
    assert_eq!(
        (read.entries_of("a").len(), read.entries_of("c").len(), read.entries_of("d").len()),
        (1, 2, 0)
    );
    assert_eq!((read.roots(), read.roots_id()), (list.roots(), list.roots_id()));

    let refused = |anchor, seen, now| TrustList::verify(&text, anchor, seen, now).err();
    assert_eq!(refused(anchor, 8, NOW), Some(TrustListError::RolledBack));
    assert_eq!(refused(anchor, 0, NOW + MAX_VALIDITY), Some(TrustListError::Expired));
    assert_eq!(refused(anchor, 0, NOW - 61), Some(TrustListError::Validity));
    assert_eq!(refused(Anchor::Key(world.holder.public_key()), 0, NOW), Some(TrustListError::Signature));
    let stranger = World::new();
    let strange = [stranger.root.clone()];
    assert_eq!(refused(Anchor::Roots(&strange), 0, NOW), Some(TrustListError::Untrusted));
    // An issuer of credentials does not write trust lists.
    let forged = list.sign("x", &world.x5c, &world.issuer_key).unwrap();
    assert_eq!(TrustList::verify(&forged, anchor, 0, NOW).err(), Some(TrustListError::Untrusted));
    assert_eq!(
        TrustList::verify(&text[..text.len() - 9], anchor, 0, NOW).err(),
        Some(TrustListError::Malformed)
    );
}

#[test]
fn a_list_lasts_at_most_two_days() {
    let new = |until| TrustList::new(ISS.to_owned(), 1, (NOW, until), vec![], vec![]).err();
    assert_eq!(new(NOW + MAX_VALIDITY + 1), Some(TrustListError::Validity));
    assert_eq!(new(NOW), Some(TrustListError::Validity));
    assert_eq!(new(i64::MIN), Some(TrustListError::Validity));
    let many = vec![entry("k"); MAX_ENTRIES + 1];
    let too_many = TrustList::new(ISS.to_owned(), 1, (NOW, NOW + 1), vec![], many).err();
    assert_eq!(too_many, Some(TrustListError::TooLarge));
}

#[test]
fn the_most_entries_that_are_taken_fit_into_a_list_that_is_read() {
    let world = World::new();
    let key = SecretKey::generate();
    let mut long = entry(&key.public_key().thumbprint());
    long.until = Some(NOW + 10 * DAY);
    long.name.ko = "예시특별자치도교육청 예시교육지원청".to_owned();
    long.name.en = "Example Office of Education of the Example Special Self-Governing Province".to_owned();
    long.statement = Some(signed(&granted(&long), &[1, 2]));
    let list = list(&world, 1, vec![long; MAX_ENTRIES]);
    let text = list.sign("trust-1", &world.x5c, &key).unwrap();
    assert!(text.len() <= MAX_LIST, "{} bytes", text.len());
}

#[test]
fn what_the_registrar_vouched_for_once_is_not_verified_again() {
    let world = World::new();
    let mut good = entry("k");
    good.until = Some(NOW + 10 * DAY);
    good.statement = Some(signed(&granted(&good), &[1, 3]));
    let forged = TrustEntry { jkt: "forged".into(), ..good.clone() };
    let registrar = registrar(2);
    let (first, left_out) = list(&world, 1, vec![good.clone(), forged.clone()]).vouched(&registrar, None);
    assert_eq!((first.entries(), left_out), ([good.clone()].as_slice(), 1));
    // Nobody's word counts with this registrar: what is still there was known.
    let nobody = Registrar::new(vec![member(9).public_key().clone()], 1).unwrap();
    let changed = TrustEntry { from: good.from + 1, ..good.clone() };
    let (second, left_out) =
        list(&world, 2, vec![good.clone(), changed, forged]).vouched(&nobody, Some(&first));
    assert_eq!((second.entries(), left_out), ([good].as_slice(), 2));
}

#[test]
fn the_states_are_written_as_documented() {
    let mut entry = entry("k");
    entry.state = KeyState::Revoked { at: 5 };
    let json = serde_json::to_value(&entry).unwrap();
    assert_eq!((&json["state"], &json["at"]), (&"revoked".into(), &5.into()));
    assert_eq!(serde_json::from_value::<TrustEntry>(json).unwrap(), entry);
}

#[test]
fn another_root_is_another_set() {
    let [a, b] = [World::new(), World::new()];
    let id = |roots: Vec<Certificate>| TrustedRoots::new(roots, bilingual("x"), vec![]).roots_id();
    assert_ne!(id(vec![a.root.clone()]), id(vec![b.root.clone()]));
    assert_eq!(id(vec![a.root.clone()]), id(vec![a.root.clone()]));
}

#[test]
fn the_authority_of_a_chain_is_found_for_dcql() {
    let world = World::new();
    let ids = authority_key_ids(&world.x5c);
    assert_eq!(ids.len(), 1);
    assert_eq!(
        authority_key_ids(&[world.root.der().to_vec(), vec![1, 2]]).len(),
        0,
        "a root names no authority"
    );
}

fn member(number: u8) -> keys::SecretKey {
    keys::SecretKey::from_bytes(&[number; 32]).unwrap()
}

fn registrar(needed: usize) -> Registrar {
    Registrar::new([1, 2, 3].map(|number| member(number).public_key().clone()).to_vec(), needed).unwrap()
}

fn granted(entry: &TrustEntry) -> Statement {
    Statement {
        sub: "did:mapae:test:9900001".into(),
        issuer: entry.issuer.clone(),
        name: entry.name.clone(),
        jkt: entry.jkt.clone(),
        vct: entry.vcts[0].clone(),
        from: entry.from,
        until: NOW + 1_000 * DAY,
    }
}

fn signed(statement: &Statement, members: &[u8]) -> String {
    members.iter().map(|number| statement.sign(&member(*number)).unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn who_serves_the_list_can_end_an_entry_early_and_never_invent_or_widen_one() {
    let mut entry = entry("k");
    entry.vcts.truncate(1);
    entry.until = Some(NOW + 10 * DAY);
    entry.statement = Some(signed(&granted(&entry), &[1, 3]));
    let registrar = registrar(2);
    assert!(registrar.vouches_for(&entry));
    let ended = TrustEntry { state: KeyState::Revoked { at: NOW }, ..entry.clone() };
    assert!(registrar.vouches_for(&ended), "trust may be taken away");
    let changes: [fn(&mut TrustEntry); 7] = [
        |entry| entry.issuer = "https://other.example".into(),
        |entry| entry.jkt = "other".into(),
        |entry| entry.name.ko = "다른 기관".into(),
        |entry| entry.vcts.push("https://issuer.example/other".into()),
        |entry| entry.from -= 1,
        |entry| entry.until = None,
        |entry| entry.until = Some(NOW + 1_001 * DAY),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = entry.clone();
        change(&mut changed);
        assert!(!registrar.vouches_for(&changed), "change {number}");
    }
    for bad in [None, Some(String::new()), Some("a.b.c".into())] {
        assert!(!registrar.vouches_for(&TrustEntry { statement: bad, ..entry.clone() }));
    }
}

#[test]
fn a_statement_takes_as_many_different_members_as_the_registrar_says() {
    let registrar = registrar(2);
    let statement = granted(&entry("k"));
    assert_eq!(registrar.read(&signed(&statement, &[1, 2])), Ok(statement.clone()));
    let one = Err(StatementError::Unsigned { signed: 1, needed: 2 });
    assert_eq!(registrar.read(&signed(&statement, &[1])), one);
    assert_eq!(registrar.read(&signed(&statement, &[1, 1])), one, "the same hand twice");
    assert_eq!(registrar.read(&signed(&statement, &[1, 9])), one, "a stranger does not count");
    let other = Statement { until: statement.until + 1, ..statement.clone() };
    let mixed = format!("{} {}", signed(&statement, &[1]), signed(&other, &[2]));
    assert_eq!(registrar.read(&mixed), Err(StatementError::Malformed), "two that say different things");
    assert!(Registrar::new(vec![member(1).public_key().clone()], 2).is_none());
    assert!(Registrar::new(vec![member(1).public_key().clone(); 2], 2).is_none());
    assert!(Registrar::new(Vec::new(), 0).is_none());
}

#[test]
fn each_end_has_its_own_reason() {
    let origin = |at| Origin { jkt: "k", issuer: None, vct: VCT, issued_at: Some(at) };
    let judged = |state, until, at| {
        let entry = TrustEntry { state, until, ..entry("k") };
        judge(&[entry], &origin(at)).map(|_| ())
    };
    let later = NOW + 30 * DAY;
    assert_eq!(judged(KeyState::Active, Some(NOW + DAY), later), Err(Distrust::Expired));
    assert_eq!(judged(KeyState::Deactivated { at: NOW + DAY }, None, later), Err(Distrust::Deactivated));
    assert_eq!(
        judged(KeyState::Retired { at: NOW + DAY }, Some(NOW + 2 * DAY), later),
        Err(Distrust::Retired)
    );
    assert_eq!(judged(KeyState::Deactivated { at: NOW + DAY }, None, NOW), Ok(()));
}
