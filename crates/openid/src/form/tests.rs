use proptest::prelude::*;

use super::*;

#[test]
fn a_repeated_parameter_is_refused_even_with_the_same_value_or_another_encoding() {
    for text in ["a=1&a=1", "a=1&b=2&a=3", "state=x&st%61te=y"] {
        assert_eq!(Form::parse(text.as_bytes()), Err(FormError::Repeated), "{text}");
    }
    assert_eq!(OAuthError::from(FormError::Repeated).error, Code::InvalidRequest);
}

#[test]
fn an_empty_value_counts_as_absent() {
    let form = Form::parse(b"a=&b&c=1").unwrap();
    assert_eq!((form.get("a"), form.get("b"), form.get("c")), (None, None, Some("1")));
    assert_eq!(form.require("a").unwrap_err().error_description, "a is missing");
}

#[test]
fn too_many_bytes_or_parameters_are_refused() {
    let many = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
    assert_eq!(Form::parse(many.as_bytes()), Err(FormError::TooLarge));
    assert_eq!(Form::parse(&vec![b'a'; MAX_FORM + 1]), Err(FormError::TooLarge));
    assert!(Form::parse(&vec![b'a'; MAX_FORM]).is_ok());
}

#[test]
fn what_is_not_utf8_is_refused() {
    assert_eq!(Form::parse(b"a=%ff"), Err(FormError::NotUtf8));
    assert_eq!(Form::parse(b"a=\xff"), Err(FormError::NotUtf8));
}

#[test]
fn plus_percent_and_stray_percent_are_read_as_browsers_do() {
    let form = Form::parse("a=1+2%2B3&b=100%&c=%zz&d=%EB%A7%88%ED%8C%A8".as_bytes()).unwrap();
    assert_eq!(form.get("a"), Some("1 2+3"));
    assert_eq!(form.get("b"), Some("100%"));
    assert_eq!(form.get("c"), Some("%zz"));
    assert_eq!(form.get("d"), Some("마패"));
}

proptest! {
    #[test]
    fn whatever_is_written_reads_back(pairs in proptest::collection::btree_map("\\PC{0,12}", "\\PC{0,40}", 0..12)) {
        let mut form = Form::default();
        for (name, value) in &pairs {
            form.push(name, value);
        }
        let read = Form::parse(form.encode().as_bytes()).unwrap();
        let read: Vec<(&str, &str)> = read.iter().collect();
        let written: Vec<(&str, &str)> = form.iter().collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Form::parse(&bytes);
    }
}
