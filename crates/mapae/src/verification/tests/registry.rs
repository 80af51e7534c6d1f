use crate::login::tests::support::registration;
use crate::testing;
use crate::verification::relying_party::{self, Registration, RegistrationError};

fn claims() -> Vec<String> {
    ["name", "agency_name", "inst_code", "department", "position", "employee_number"]
        .map(str::to_owned)
        .to_vec()
}

fn refused(change: impl FnOnce(&mut Registration)) -> RegistrationError {
    let mut candidate = registration("portal");
    change(&mut candidate);
    candidate.check(&claims()).unwrap_err()
}

#[test]
fn a_redirect_uri_is_an_exact_https_address() {
    for uri in [
        "http://portal.example/cb",
        "https://portal.example/cb#x",
        "https://*.portal.example/cb",
        "https://user@portal.example/cb",
        "https://portal.example\\@evil.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "/callback",
        "https://portal.example/c b",
        "",
    ] {
        let error = refused(|candidate| candidate.redirect_uris = vec![uri.to_owned()]);
        assert!(matches!(error, RegistrationError::Redirect(_)), "{uri}: {error}");
    }
    let mut many = registration("portal");
    many.redirect_uris = (0..17).map(|n| format!("https://portal.example/{n}")).collect();
    assert!(matches!(many.check(&claims()), Err(RegistrationError::TooManyRedirects(16))));
}

#[test]
fn ids_names_claims_and_sectors_have_rules() {
    assert!(matches!(refused(|c| c.id = "a b".to_owned()), RegistrationError::Id));
    assert!(matches!(refused(|c| c.id = "a".repeat(65)), RegistrationError::Id));
    assert!(matches!(refused(|c| c.name_en = " ".to_owned()), RegistrationError::Name));
    assert!(matches!(refused(|c| c.name_ko = "한\u{7}글".to_owned()), RegistrationError::Name));
    assert!(matches!(refused(|c| c.claims = vec!["rrn".to_owned()]), RegistrationError::Claim(_)));
    let two = |c: &mut Registration| {
        c.redirect_uris = vec!["https://a.example/cb".to_owned(), "https://b.example/cb".to_owned()];
    };
    assert!(matches!(refused(two), RegistrationError::Sector));
    let mut named = registration("portal");
    two(&mut named);
    named.sector = Some("group.example".to_owned());
    assert_eq!(named.check(&claims()).unwrap(), "group.example");
    assert_eq!(registration("portal").check(&claims()).unwrap(), "localhost");
}

#[tokio::test]
async fn secrets_are_told_once_kept_as_hashes_and_end_when_renewed() {
    let platform = testing::platform().await;
    let secrets = crate::verification::cli::register(&platform, registration("portal")).await.unwrap();
    let taken = crate::verification::cli::register(&platform, registration("portal")).await;
    assert!(taken.unwrap_err().to_string().contains("registered already"));
    let (secret, key) = (secrets.client_secret.unwrap(), secrets.api_key.unwrap());
    let party = relying_party::find(&platform.store, "portal").await.unwrap().unwrap();
    assert!(party.secret_matches(&secret) && !party.secret_matches("") && !party.secret_matches(&key));
    assert!(!format!("{party:?}").contains(&secret));
    assert!(relying_party::by_api_key(&platform.store, &key).await.unwrap().is_some());

    let unit =
        platform.store.write(|tx| Box::pin(async move { relying_party::renew_secrets(tx, "portal").await }));
    let renewed = unit.await.unwrap();
    let party = relying_party::find(&platform.store, "portal").await.unwrap().unwrap();
    assert!(!party.secret_matches(&secret) && party.secret_matches(&renewed.client_secret.unwrap()));
    assert!(relying_party::by_api_key(&platform.store, &key).await.unwrap().is_none());
}
