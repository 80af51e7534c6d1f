use super::*;
use crate::testing::{self, BEGINNING_MS};

#[tokio::test]
async fn a_token_opens_for_its_purpose_until_its_time_and_never_otherwise() {
    let platform = testing::platform().await;
    let token = platform.tokens.seal("nonce", &("a", 7), BEGINNING_MS + 1_000).expect("sealed");
    let open = |purpose: &str, token: &str, now| platform.tokens.open::<(String, i64)>(purpose, token, now);
    assert_eq!(open("nonce", &token, BEGINNING_MS), Ok(("a".to_owned(), 7)));
    assert_eq!(open("nonce", &token, BEGINNING_MS + 999), Ok(("a".to_owned(), 7)));
    assert_eq!(open("nonce", &token, BEGINNING_MS + 1_000), Err(TokenError::Expired));
    assert_eq!(open("access", &token, BEGINNING_MS), Err(TokenError::Invalid), "another purpose");
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("text");
        assert!(open("nonce", &changed, BEGINNING_MS).is_err(), "changed at {at}");
        assert!(open("nonce", &token[..at], BEGINNING_MS).is_err(), "cut at {at}");
    }
    assert_eq!(open("nonce", &"A".repeat(1 << 20), BEGINNING_MS), Err(TokenError::Invalid), "bounded");
    assert_eq!(platform.tokens.seal("nonce", &"x".repeat(1 << 16), 1), Err(TokenError::Invalid), "bounded");
}

#[tokio::test]
async fn two_tokens_of_the_same_content_have_nothing_in_common() {
    let platform = testing::platform().await;
    let token = || platform.tokens.seal("nonce", &1, i64::MAX).expect("sealed");
    let (a, b) = (token(), token());
    assert_ne!(a[8..], b[8..]);
}
