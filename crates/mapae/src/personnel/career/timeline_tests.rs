//! The line of periods, whatever is said in whatever order: it never overlaps, and what was said again changes nothing.

use proptest::prelude::*;

use super::appointment::{self, Appointment};
use super::timeline::{Content, Origin, Outcome, Row, Timeline};
use crate::personnel::types::{EmployeeStatus, Named};

fn named(text: &str) -> Named {
    Named { ko: text.to_owned(), en: String::new() }
}

fn post(department: u8, rank: u8, status: EmployeeStatus) -> Content {
    Content {
        agency_code: Some("9000001".to_owned()),
        department_id: Some(format!("d-{department}")),
        agency: named("예시부"),
        department: named(&format!("예시{department}과")),
        position: named("주무관"),
        rank: named(&format!("{rank}급")),
        status,
        appointment: None,
        ends_with_next: false,
    }
}

fn told(department: u8, rank: u8, kind: Appointment) -> Content {
    let serving = post(department, rank, kind.status());
    Content { agency_code: None, department_id: None, appointment: Some(kind), ..serving }
}

#[derive(Clone, Debug)]
enum Word {
    Follow(i64, Content, Option<i64>),
    Tell(i64, Option<i64>, Content),
    Forget(i64),
}

fn say(line: &mut Timeline, word: &Word) {
    match word.clone() {
        Word::Follow(day, content, newer) => line.follow(day, content, newer),
        Word::Tell(from, until, content) => {
            line.tell(from, until, content, 20);
        }
        Word::Forget(from) => {
            line.forget(from);
        }
    }
}

fn word() -> impl Strategy<Value = Word> {
    use EmployeeStatus::{Dispatched, Leave, Retired, Serving};
    let status = prop::sample::select(vec![Serving, Serving, Leave, Dispatched, Retired]);
    let kind = prop::sample::select(vec![
        Appointment::Hire,
        Appointment::Transfer,
        Appointment::Leave,
        Appointment::Retirement,
    ]);
    prop_oneof![
        3 => (0..60_i64, 0..3_u8, 7..9_u8, status, prop::option::of(1..30_i64)).prop_map(|(day, d, r, s, later)| {
            Word::Follow(day, post(d, r, s), later.map(|later| day + later))
        }),
        3 => (0..60_i64, prop::option::of(0..20_i64), 0..3_u8, 7..9_u8, kind).prop_map(|(from, length, d, r, kind)| {
            Word::Tell(from, length.map(|length| from + length), told(d, r, kind))
        }),
        1 => (0..60_i64).prop_map(Word::Forget),
    ]
}

fn begun() -> Timeline {
    let row = Row::new(40, None, Origin::Record, post(0, 8, EmployeeStatus::Serving));
    Timeline { rows: vec![row], gone: Vec::new() }
}

proptest! {
    #[test]
    fn periods_never_overlap_and_one_goes_on(words in prop::collection::vec(word(), 1..40)) {
        let mut line = begun();
        for word in &words {
            say(&mut line, word);
            for two in line.rows.windows(2) {
                prop_assert!(two[0].until.is_some_and(|until| until < two[1].from), "{word:?}: {:?}", line.rows);
            }
            prop_assert!(line.rows.iter().all(|row| row.until.is_none_or(|until| until >= row.from)));
            let last = line.rows.last().unwrap();
            prop_assert!(last.until.is_none() && last.origin == Origin::Record, "{word:?}: {:?}", line.rows);
            let posts = line.clone().posts();
            prop_assert_eq!(posts[0].from, line.rows[0].from);
            prop_assert_eq!(appointment::of(&posts).len(), posts.len());
        }
    }

    #[test]
    fn what_is_said_again_changes_nothing(words in prop::collection::vec(word(), 1..20), again in word()) {
        let mut line = begun();
        words.iter().for_each(|word| say(&mut line, word));
        say(&mut line, &again);
        let said = line.clone();
        say(&mut line, &again);
        let days = |line: &Timeline| -> Vec<_> {
            line.rows.iter().map(|row| (row.id.clone(), row.from, row.until, row.content.clone())).collect()
        };
        prop_assert_eq!(days(&line), days(&said));
    }
}

#[test]
fn a_late_word_stands_between_and_what_was_newer_goes_on() {
    let mut line = begun();
    // On day 60 the record was told again, with another phone number; of day 50 we hear later.
    line.follow(50, post(1, 8, EmployeeStatus::Serving), Some(60));
    let days: Vec<_> =
        line.rows.iter().map(|row| (row.from, row.until, row.content.department.ko.as_str())).collect();
    assert_eq!(days, [(40, Some(49), "예시0과"), (50, Some(59), "예시1과"), (60, None, "예시0과")]);
    // The day it began on turns out to have been earlier.
    line.follow(30, post(0, 8, EmployeeStatus::Serving), Some(60));
    assert_eq!((line.rows[0].from, line.rows.len()), (30, 3));
}

#[test]
fn a_correction_of_the_same_day_takes_the_place_of_what_was_said() {
    let mut line = begun();
    line.follow(50, post(1, 8, EmployeeStatus::Serving), None);
    line.follow(50, post(2, 8, EmployeeStatus::Serving), None);
    assert_eq!((line.rows.len(), line.rows[1].content.department.ko.as_str()), (2, "예시2과"));
    // It was no change at all.
    line.follow(50, post(0, 8, EmployeeStatus::Serving), None);
    assert_eq!((line.rows.len(), line.rows[0].until), (1, None));
}

#[test]
fn told_history_leads_up_to_the_record_and_is_not_rewritten() {
    let mut line = begun();
    let mut tell = |from, until, content| line.tell(from, until, content, 5);
    assert_eq!(tell(10, None, told(1, 9, Appointment::Hire)), Outcome::New);
    assert_eq!(tell(20, None, told(2, 9, Appointment::Transfer)), Outcome::New);
    // The post that the record is in, with its true beginning.
    assert_eq!(tell(30, None, told(0, 8, Appointment::Promotion)), Outcome::New);
    assert_eq!(tell(30, None, told(0, 8, Appointment::Promotion)), Outcome::Unchanged);
    assert_eq!(
        tell(45, None, told(0, 8, Appointment::Promotion)),
        Outcome::Overlaps,
        "the record's own days"
    );
    assert_eq!(tell(5, Some(12), told(1, 9, Appointment::Hire)), Outcome::Overlaps);
    assert_eq!(tell(12, None, told(0, 9, Appointment::Leave)), Outcome::New);
    assert_eq!(tell(15, None, told(0, 9, Appointment::Return)), Outcome::TooMany);
    let days: Vec<_> = line.rows.iter().map(|row| (row.from, row.until)).collect();
    assert_eq!(days, [(10, Some(11)), (12, Some(19)), (20, Some(29)), (30, Some(39)), (40, None)]);
    let posts = line.clone().posts();
    let last = posts.last().unwrap();
    assert_eq!((posts.len(), last.from, last.until), (4, 30, None), "one post, with its true beginning");
    assert_eq!(last.content.appointment, Some(Appointment::Promotion));
    line.follow(22, post(0, 9, EmployeeStatus::Serving), Some(40));
    assert_eq!(
        line.rows[2].content.department.ko, "예시2과",
        "a late change does not rewrite what HR listed"
    );
    assert_eq!(line.forget(12), Outcome::Changed);
    assert_eq!((line.forget(12), line.rows[0].until), (Outcome::Unchanged, Some(19)));
}

#[test]
fn a_post_is_called_what_began_it() {
    use EmployeeStatus::{Dispatched, Leave, Retired, Serving};
    let mut line = begun();
    for (day, content) in [
        (41, post(1, 8, Serving)),
        (42, post(1, 7, Serving)),
        (43, post(2, 8, Serving)),
        (44, post(2, 8, Leave)),
        (45, post(2, 8, Serving)),
        (46, post(2, 8, Dispatched)),
        (47, post(2, 8, Retired)),
        (48, post(2, 8, Serving)),
    ] {
        line.follow(day, content, None);
    }
    let mut chief = post(2, 8, Serving);
    chief.position = named("과장");
    line.follow(49, chief.clone(), None);
    chief.agency_code = Some("9000002".to_owned());
    line.follow(50, chief, None);
    let kinds: Vec<String> = appointment::of(&line.rows)
        .iter()
        .map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join("+"))
        .collect();
    assert_eq!(
        kinds,
        [
            "on_record",
            "transfer",
            "promotion",
            "demotion+transfer",
            "leave",
            "return",
            "dispatch",
            "retirement",
            "reinstatement",
            "position",
            "move"
        ]
    );
    line.appointed(40);
    assert_eq!(appointment::of(&line.rows)[0], [Appointment::Hire]);
}
