use keys::SecretKey;
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://credential-issuer.example.com";
const NOW: i64 = 1_764_000_000;

/// The example of OpenID4VCI 1.0 Appendix A.3.2, shortened, in a whole document.
fn document() -> Value {
    json!({
        "credential_issuer": ISSUER,
        "authorization_servers": ["https://server.example.com"],
        "credential_endpoint": "https://credential-issuer.example.com/credential",
        "nonce_endpoint": "https://credential-issuer.example.com/nonce",
        "batch_credential_issuance": { "batch_size": 20 },
        "credential_response_encryption": {
            "alg_values_supported": ["ECDH-ES"], "enc_values_supported": ["A128GCM"], "encryption_required": false
        },
        "display": [{ "name": "예시 발급기관", "locale": "ko" }, { "name": "Example issuer", "locale": "en-US" }],
        "credential_configurations_supported": {
            "SD_JWT_VC_example_in_OpenID4VCI": {
                "format": "dc+sd-jwt",
                "scope": "SD_JWT_VC_example_in_OpenID4VCI",
                "cryptographic_binding_methods_supported": ["jwk"],
                "credential_signing_alg_values_supported": ["ES256"],
                "proof_types_supported": {
                    "jwt": {
                        "proof_signing_alg_values_supported": ["ES256"],
                        "key_attestations_required": {
                            "key_storage": ["iso_18045_moderate"], "user_authentication": ["iso_18045_moderate"]
                        }
                    }
                },
                "vct": "SD_JWT_VC_example_in_OpenID4VCI",
                "credential_metadata": {
                    "display": [{
                        "name": "IdentityCredential",
                        "logo": { "uri": "https://university.example.edu/public/logo.png", "alt_text": "a logo" },
                        "locale": "en-US", "background_color": "#12107c", "text_color": "#FFFFFF"
                    }],
                    "claims": [
                        { "path": ["given_name"], "display": [
                            { "name": "Given Name", "locale": "en-US" }, { "name": "Vorname", "locale": "de-DE" }
                        ] },
                        { "path": ["address", "street_address"] },
                        { "path": ["degrees", null, "type"], "mandatory": true },
                        { "path": ["nationalities", 1] }
                    ]
                }
            },
            "org.iso.18013.5.1.mDL": {
                "format": "mso_mdoc", "doctype": "org.iso.18013.5.1.mDL",
                "credential_signing_alg_values_supported": [-7, -9]
            }
        },
        "a_member_of_the_future": { "deep": [1] }
    })
}

fn read(document: &Value) -> Result<CredentialIssuer, MetadataError> {
    CredentialIssuer::read(document.to_string().as_bytes(), ISSUER)
}

/// Refusal of the document with one member changed.
fn refused(change: impl FnOnce(&mut Value)) -> MetadataError {
    let mut changed = document();
    change(&mut changed);
    read(&changed).unwrap_err()
}

#[test]
fn the_issuer_document_of_the_standard_is_read_and_unknown_members_ignored() {
    let issuer = read(&document()).unwrap();
    assert_eq!(issuer.batch_size(), 20);
    let configuration = &issuer.credential_configurations_supported["SD_JWT_VC_example_in_OpenID4VCI"];
    assert_eq!(configuration.vct.as_deref(), Some("SD_JWT_VC_example_in_OpenID4VCI"));
    let jwt = &configuration.proof_types_supported["jwt"];
    assert_eq!(jwt.key_attestations_required.as_ref().unwrap().key_storage, ["iso_18045_moderate"]);
    let metadata = configuration.credential_metadata.as_ref().unwrap();
    assert_eq!(metadata.claims[0].name("de"), Some("Vorname"));
    assert_eq!(metadata.claims[0].name("ko"), Some("Given Name"));
    assert_eq!(
        metadata.claims[2].path,
        [PathElement::Member("degrees".into()), PathElement::All, PathElement::Member("type".into())]
    );
    assert_eq!(metadata.claims[3].path[1], PathElement::Index(1));
    let mdoc = &issuer.credential_configurations_supported["org.iso.18013.5.1.mDL"];
    assert_eq!(mdoc.credential_signing_alg_values_supported, [json!(-7), json!(-9)]);
}

#[test]
fn what_the_server_writes_the_wallet_reads_back_the_same() {
    let issuer = read(&document()).unwrap();
    let written = serde_json::to_vec(&issuer).unwrap();
    assert_eq!(CredentialIssuer::read(&written, ISSUER).unwrap(), issuer);
    let text = String::from_utf8(written).unwrap();
    assert!(text.contains(r#"["degrees",null,"type"]"#), "{text}");
    assert!(!text.contains("deferred_credential_endpoint"), "absent members are not written");
}

#[test]
fn a_document_of_another_issuer_is_refused() {
    assert_eq!(
        CredentialIssuer::read(document().to_string().as_bytes(), "https://other.example").unwrap_err(),
        MetadataError::ForeignIssuer
    );
    // No normalisation: a slash more is another issuer (§12.2.4).
    let slash = format!("{ISSUER}/");
    assert_eq!(
        CredentialIssuer::read(document().to_string().as_bytes(), &slash).unwrap_err(),
        MetadataError::ForeignIssuer
    );
}

#[test]
fn broken_documents_are_refused_for_their_own_reason() {
    let plain_http = "http://credential-issuer.example.com/credential";
    assert_eq!(refused(|d| d["credential_endpoint"] = plain_http.into()), MetadataError::Endpoint);
    assert_eq!(refused(|d| d["nonce_endpoint"] = "javascript:1".into()), MetadataError::Endpoint);
    assert_eq!(
        refused(|d| d["authorization_servers"] = json!(["https://a.example?x"])),
        MetadataError::Endpoint
    );
    assert_eq!(
        refused(|d| drop(d.as_object_mut().unwrap().remove("credential_endpoint"))),
        MetadataError::Endpoint
    );
    assert_eq!(refused(|d| d["batch_credential_issuance"]["batch_size"] = 1.into()), MetadataError::Rule);
    assert_eq!(refused(|d| d["credential_configurations_supported"]["x"] = json!({})), MetadataError::Rule);
    assert_eq!(refused(|d| d["credential_configurations_supported"] = json!([])), MetadataError::Malformed);
    let crowd: serde_json::Map<String, Value> =
        (0..300).map(|n| (n.to_string(), json!({ "format": "dc+sd-jwt" }))).collect();
    assert_eq!(refused(|d| d["credential_configurations_supported"] = crowd.into()), MetadataError::Rule);
    let huge = vec![b' '; crate::json::LARGE + 1];
    assert_eq!(CredentialIssuer::read(&huge, ISSUER).unwrap_err(), MetadataError::Malformed);
}

#[test]
fn the_authorization_server_is_the_hinted_the_first_or_the_issuer() {
    let mut issuer = read(&document()).unwrap();
    assert_eq!(issuer.authorization_server(None), Ok("https://server.example.com"));
    assert_eq!(
        issuer.authorization_server(Some("https://server.example.com")),
        Ok("https://server.example.com")
    );
    assert_eq!(issuer.authorization_server(Some("https://evil.example")), Err(MetadataError::Rule));
    issuer.authorization_servers.clear();
    assert_eq!(issuer.authorization_server(None), Ok(ISSUER));
}

#[test]
fn signed_metadata_verifies_for_its_issuer_and_time_only() {
    let key = SecretKey::generate();
    let issuer = read(&document()).unwrap();
    let token = issuer.sign(&key, &[], NOW, Some(NOW + 60)).unwrap();
    let trusted = |_: &crate::attestation::KeyHint| Some(key.public_key().clone());
    let judge = |token: &str, issuer: &str, now| CredentialIssuer::read_signed(token, issuer, &trusted, now);
    assert_eq!(judge(&token, ISSUER, NOW).unwrap(), issuer);
    assert_eq!(judge(&token, ISSUER, NOW + 60).unwrap_err(), MetadataError::Signature);
    assert_eq!(judge(&token, "https://other.example", NOW).unwrap_err(), MetadataError::Signature);
    let forged = issuer.sign(&SecretKey::generate(), &[], NOW, None).unwrap();
    assert_eq!(judge(&forged, ISSUER, NOW).unwrap_err(), MetadataError::Signature);
    let nobody = CredentialIssuer::read_signed(&token, ISSUER, &|_| None, NOW);
    assert_eq!(nobody.unwrap_err(), MetadataError::Signature);
}

#[test]
fn an_authorization_server_document_is_read_and_judged() {
    let document = |issuer: &str, token_endpoint: &str| {
        json!({
            "issuer": issuer, "token_endpoint": token_endpoint, "response_types_supported": ["code"],
            "grant_types_supported": [crate::token::PRE_AUTHORIZED_CODE],
            "dpop_signing_alg_values_supported": ["ES256"],
            "pre-authorized_grant_anonymous_access_supported": true, "unknown": {}
        })
        .to_string()
    };
    let id = "https://server.example.com";
    let read = |text: String| AuthorizationServer::read(text.as_bytes(), id);
    let server = read(document(id, "https://server.example.com/token")).unwrap();
    assert!(server.takes_dpop() && server.pre_authorized_grant_anonymous_access_supported);
    assert!(server.offers_grant(crate::token::PRE_AUTHORIZED_CODE));
    assert!(!server.offers_grant(crate::token::AUTHORIZATION_CODE));
    assert_eq!(
        read(document("https://x.example", "https://x.example")).unwrap_err(),
        MetadataError::ForeignIssuer
    );
    assert_eq!(read(document(id, "http://server.example.com/token")).unwrap_err(), MetadataError::Endpoint);
    let empty =
        serde_json::to_string(&AuthorizationServer { issuer: id.into(), ..Default::default() }).unwrap();
    assert_eq!(
        empty, r#"{"issuer":"https://server.example.com"}"#,
        "RFC 8414 §3.2: nothing empty is written"
    );
    let text = serde_json::to_string(&server).unwrap();
    assert!(text.contains("\"pre-authorized_grant_anonymous_access_supported\":true"), "{text}");
    assert_eq!(
        AuthorizationServer::location("https://a.example/t").unwrap(),
        "https://a.example/.well-known/oauth-authorization-server/t"
    );
}

#[test]
fn a_provider_document_lies_below_its_issuer_and_is_judged() {
    assert_eq!(
        OpenIdProvider::location("https://op.example/tenant").unwrap(),
        "https://op.example/tenant/.well-known/openid-configuration"
    );
    let document = json!({
        "issuer": "https://op.example", "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token", "jwks_uri": "https://op.example/jwks"
    });
    let read = |document: &Value| OpenIdProvider::read(document.to_string().as_bytes(), "https://op.example");
    let provider = read(&document).unwrap();
    let written = serde_json::to_value(&provider).unwrap();
    assert_eq!(written["request_uri_parameter_supported"], false, "absent would mean true");
    assert_eq!(read(&written).unwrap(), provider);
    let mut broken = document.clone();
    broken["jwks_uri"] = "http://op.example/jwks".into();
    assert_eq!(read(&broken).unwrap_err(), MetadataError::Endpoint);
    broken["issuer"] = "https://evil.example".into();
    assert_eq!(read(&broken).unwrap_err(), MetadataError::ForeignIssuer);
}
