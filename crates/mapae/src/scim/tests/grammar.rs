//! The filter language: what it reads, what it refuses, and that nothing makes it fall over.

use proptest::prelude::*;

use crate::scim::filter::{AttrPath, Compare, Filter, Literal, Syntax, attribute, filter, path};

fn named(attribute: &str) -> AttrPath {
    AttrPath { schema: None, attribute: attribute.to_owned(), sub: None }
}

fn equals(attribute: &str, text: &str) -> Filter {
    Filter::Compare(named(attribute), Compare::Eq, Literal::Text(text.to_owned()))
}

#[test]
fn and_binds_closer_than_or_and_brackets_closest() {
    let (a, b, c) = (equals("a", "1"), equals("b", "2"), equals("c", "3"));
    let read = filter(r#"a eq "1" or b eq "2" and c eq "3""#).unwrap();
    assert_eq!(read, Filter::Or(vec![a.clone(), Filter::And(vec![b.clone(), c.clone()])]));
    let read = filter(r#"(a eq "1" OR b eq "2") AND NOT (c eq "3")"#).unwrap();
    assert_eq!(read, Filter::And(vec![Filter::Or(vec![a, b]), Filter::Not(Box::new(c))]));
}

#[test]
fn the_examples_of_the_standard_are_read() {
    for text in [
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"userName sw "J""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        "active eq true and age ge 17.5 and nothing eq null",
    ] {
        assert!(filter(text).is_ok(), "{text}: {:?}", filter(text));
    }
    let read = path(r#"members[value eq "2819c223"].displayName"#).unwrap();
    assert_eq!(read.attribute.sub.as_deref(), Some("displayName"));
    assert!(read.filter.is_some());
    let whole = path(crate::scim::schema::OFFICIAL).unwrap();
    assert_eq!(whole.attribute.schema.as_deref(), Some(crate::scim::schema::OFFICIAL));
    assert!(whole.attribute.attribute.is_empty());
}

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    for text in [
        "",
        "a",
        "a eq",
        "a eq x",
        "a equals \"x\"",
        "a eq \"x",
        "a eq \"x\" and",
        "(a pr",
        "a pr)",
        "a[b pr",
        "a.b[c pr]",
        "not a pr",
        "a eq {}",
        "a eq [1]",
        "a eq 1e999",
        "eq eq eq eq",
        "urn:x: eq 1",
        "가 eq 1",
        "a eq \"\\u12\"",
    ] {
        assert!(matches!(filter(text), Err(Syntax::At(..))), "{text:?}: {:?}", filter(text));
    }
    assert_eq!(filter(&"a".repeat(10_000)), Err(Syntax::TooLong));
    assert_eq!(filter(&"(".repeat(500)), Err(Syntax::TooDeep));
    assert_eq!(filter(&vec!["a pr"; 200].join(" and ")), Err(Syntax::TooDeep));
    assert!(attribute("a b").is_err());
}

fn written(filter: &Filter) -> String {
    let name = |path: &AttrPath| match &path.sub {
        Some(sub) => format!("{}.{sub}", path.attribute),
        None => path.attribute.clone(),
    };
    match filter {
        Filter::Present(path) => format!("{} pr", name(path)),
        Filter::Compare(path, operator, literal) => {
            let word = Compare::ALL.iter().find(|(_, known)| known == operator).unwrap().0;
            let literal = match literal {
                Literal::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
                Literal::Number(number) => serde_json::Value::from(*number).to_string(),
                Literal::Bool(yes) => yes.to_string(),
                Literal::Null => "null".to_owned(),
            };
            format!("{} {word} {literal}", name(path))
        }
        Filter::Values(path, inner) => format!("{}[{}]", path.attribute, written(inner)),
        Filter::And(all) => {
            all.iter().map(|one| format!("({})", written(one))).collect::<Vec<_>>().join(" and ")
        }
        Filter::Or(all) => {
            all.iter().map(|one| format!("({})", written(one))).collect::<Vec<_>>().join(" or ")
        }
        Filter::Not(inner) => format!("not ({})", written(inner)),
    }
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let name = "[a-z][a-zA-Z0-9_-]{0,8}";
    let path = (name, proptest::option::of(name)).prop_map(|(attribute, sub)| AttrPath {
        schema: None,
        attribute,
        sub,
    });
    let literal = prop_oneof![
        ".{0,12}".prop_map(Literal::Text),
        (-9_999..9_999_i32).prop_map(|number| Literal::Number(f64::from(number))),
        any::<bool>().prop_map(Literal::Bool),
        Just(Literal::Null),
    ];
    let operator = prop::sample::select(Compare::ALL.map(|(_, operator)| operator).to_vec());
    let leaf = prop_oneof![
        path.clone().prop_map(Filter::Present),
        (path, operator, literal)
            .prop_map(|(path, operator, literal)| Filter::Compare(path, operator, literal)),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.clone().prop_map(|one| Filter::Not(Box::new(one))),
            ("[a-z][a-z]{0,5}", inner).prop_map(|(attribute, one)| {
                let path = AttrPath { schema: None, attribute, sub: None };
                Filter::Values(path, Box::new(one))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(wanted in any_filter()) {
        let text = written(&wanted);
        if text.len() <= 2_000 {
            prop_assert_eq!(filter(&text), Ok(wanted), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_fall_over(text in ".{0,300}") {
        let _ = filter(&text);
        let _ = path(&text);
        let _ = attribute(&text);
    }

    #[test]
    fn no_heap_of_signs_makes_it_fall_over(text in r#"[a-c\[\]()". \\eqprandot:0-9u가-]{0,120}"#) {
        let _ = filter(&text);
        let _ = path(&text);
    }
}
