use super::*;

#[test]
fn lengths_take_the_shortest_form() {
    let head = |content: usize| {
        tlv(0x30, &[&vec![7; content]])[..tlv(0x30, &[&vec![7; content]]).len() - content].to_vec()
    };
    assert_eq!(head(0), [0x30, 0]);
    assert_eq!(head(127), [0x30, 127]);
    assert_eq!(head(128), [0x30, 0x81, 128]);
    assert_eq!(head(255), [0x30, 0x81, 255]);
    assert_eq!(head(256), [0x30, 0x82, 1, 0]);
    assert_eq!(head(65_536), [0x30, 0x83, 1, 0, 0]);
}

#[test]
fn integers_take_the_shortest_positive_form() {
    assert_eq!(unsigned(&[0, 0]), [2, 1, 0]);
    assert_eq!(unsigned(&[0, 1]), [2, 1, 1]);
    assert_eq!(unsigned(&[0, 0x7f]), [2, 1, 0x7f]);
    assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
    assert_eq!(unsigned(&[0x80, 0]), [2, 3, 0, 0x80, 0]);
}
