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
