use super::*;

#[test]
fn endpoints_are_https_or_this_machine() {
    for good in [
        "https://issuer.example/path?x=1",
        "http://localhost:8600/a",
        "http://127.0.0.1:8600",
        "http://[::1]:8600/",
    ] {
        assert!(endpoint(good).is_ok(), "{good}");
    }
    let cases = [
        ("http://issuer.example", LinkError::NotHttps),
        ("http://localhost.evil.example", LinkError::NotHttps),
        ("ftp://issuer.example", LinkError::NotHttps),
        ("javascript:alert(1)", LinkError::NotHttps),
        ("https://user@issuer.example", LinkError::Forbidden),
        ("https://issuer.example#", LinkError::Forbidden),
        ("https://issuer.example/#x", LinkError::Forbidden),
        ("https://issuer.example\\@evil.example", LinkError::Malformed),
        ("https://issuer.example/ x", LinkError::Malformed),
        ("/relative", LinkError::Malformed),
        ("", LinkError::Malformed),
    ];
    for (bad, why) in cases {
        assert_eq!(endpoint(bad), Err(why), "{bad}");
    }
    assert_eq!(endpoint(&format!("https://a.example/{}", "x".repeat(MAX_URL))), Err(LinkError::TooLong));
}

#[test]
fn an_issuer_has_no_query() {
    assert_eq!(issuer("https://issuer.example?x=1"), Err(LinkError::Forbidden));
    assert!(issuer("https://issuer.example/tenant").is_ok());
}

#[test]
fn well_known_documents_lie_where_openid4vci_12_2_2_shows() {
    assert_eq!(
        well_known("https://issuer.example.com/tenant", "openid-credential-issuer").unwrap(),
        "https://issuer.example.com/.well-known/openid-credential-issuer/tenant"
    );
    assert_eq!(
        well_known("https://tenant.issuer.example.com", "openid-credential-issuer").unwrap(),
        "https://tenant.issuer.example.com/.well-known/openid-credential-issuer"
    );
    assert_eq!(
        well_known("http://localhost:8600", "oauth-authorization-server").unwrap(),
        "http://localhost:8600/.well-known/oauth-authorization-server"
    );
}

#[test]
fn parameters_join_what_stands_there_and_stay_before_the_fragment() {
    let form = Form::default().with("a", "1");
    assert_eq!(with_query("https://x.example/p", &form), "https://x.example/p?a=1");
    assert_eq!(with_query("https://x.example/p?", &form), "https://x.example/p?a=1");
    assert_eq!(with_query("https://x.example/p?b=2", &form), "https://x.example/p?b=2&a=1");
    assert_eq!(with_query("https://x.example/p?b=2#f", &form), "https://x.example/p?b=2&a=1#f");
}
