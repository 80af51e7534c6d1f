//! An authorization request of a stranger: nothing is ever sent to an address that the client has not registered.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use openid::form::Form;
use openid::oidc::{
    AuthorizeForm, AuthorizeRefusal, Client, ClientAuthMethod, IdTokenAlgorithm, SubjectType,
};
use openid::token::TokenRequest;

const CALLBACK: &str = "https://client.example.org/cb";
static CLIENT: LazyLock<Client> = LazyLock::new(|| Client {
    client_id: "client".to_owned(),
    redirect_uris: vec![CALLBACK.to_owned()],
    scopes: vec!["profile".to_owned()],
    auth_method: ClientAuthMethod::None,
    subject_type: SubjectType::Pairwise,
    sector: "client.example.org".to_owned(),
    id_token_algorithm: IdTokenAlgorithm::Es256,
});

fn judge(encoded: &[u8]) {
    let Ok(form) = AuthorizeForm::parse(encoded) else { return };
    match form.validate(&CLIENT, "https://op.example") {
        Ok(request) => {
            assert_eq!(request.redirect_uri, CALLBACK);
            assert!(
                request
                    .success("code", "https://op.example")
                    .starts_with("https://client.example.org/cb?code=code")
            );
        }
        Err(AuthorizeRefusal::Redirect { location, .. }) => {
            assert!(location.starts_with("https://client.example.org/cb?error="));
            assert!(location.bytes().all(|b| b.is_ascii_graphic()), "no line break reaches a header");
        }
        Err(AuthorizeRefusal::Page(_)) => {}
    }
}

fuzz_target!(|data: &[u8]| {
    judge(data);
    let mut prefixed = b"client_id=client&redirect_uri=https%3A%2F%2Fclient.example.org%2Fcb&".to_vec();
    prefixed.extend_from_slice(data);
    judge(&prefixed);
    if let Ok(form) = Form::parse(data) {
        let again = Form::parse(form.encode().as_bytes());
        assert_eq!(again.as_ref(), Ok(&form));
        if let Ok(request) = TokenRequest::parse(&form) {
            assert_eq!(TokenRequest::parse(&request.to_form()).as_ref(), Ok(&request));
        }
    }
});
