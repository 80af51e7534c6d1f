use super::*;
use crate::personnel::identity::Rrn;

#[test]
fn nobody_alive_is_in_the_demo_data() {
    for n in 0..5_000 {
        let person = person(n);
        assert!(person.name.contains("예시"), "{}", person.name);
        assert!(matches!(person.rrn.as_bytes()[7], b'9' | b'0'), "{}", person.rrn);
        Rrn::parse(&person.rrn).expect("a well-formed number");
    }
    assert!(AGENCIES.iter().all(|agency| agency.name.contains("예시") && agency.name_en.contains("Example")));
}

#[test]
fn a_career_leads_from_an_appointment_to_where_the_record_has_the_person() {
    for n in 0..1_000 {
        let (person, text) = (person(n), posts_csv(n));
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.len() >= 2 && lines[0][4] == "임용", "{text}");
        assert!(lines.windows(2).all(|two| two[0][2] < two[1][2]), "{text}");
        let last = lines.last().unwrap();
        assert!(last[2] < "2026-01-01" && last[7] == person.department, "{text}");
        assert!(last.contains(&person.rank) && lines.iter().all(|line| line[5].contains("예시")), "{text}");
    }
}

#[test]
fn numbers_are_distinct_and_each_department_has_one_head_and_one_deputy() {
    let people: Vec<DemoPerson> = (0..5_000).map(person).collect();
    let numbers: std::collections::BTreeSet<_> = people.iter().map(|p| &p.number).collect();
    assert_eq!(numbers.len(), people.len());
    let mut departments = std::collections::BTreeMap::<_, Vec<&str>>::new();
    for person in &people {
        departments.entry((person.agency, &person.department_code)).or_default().push(person.role);
    }
    for (department, roles) in departments {
        for role in ["부서장", "대리"] {
            assert_eq!(roles.iter().filter(|r| **r == role).count(), 1, "{department:?} {role}");
        }
    }
}
