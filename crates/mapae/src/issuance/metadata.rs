//! What the issuer says about itself: credential issuer metadata (OpenID4VCI 1.0 §12.2) made from the credential type
//! file, authorization server metadata (RFC 8414, OpenID4VCI §12.3), and the DID document of the issuing key.

use std::collections::BTreeMap;

use credential::types::{Bilingual, Claim, CredentialType, Format};
use openid::attestation;
use openid::metadata::{
    AuthorizationServer, BatchIssuance, ClaimDescription, ClaimDisplay, CredentialConfiguration,
    CredentialDisplay, CredentialIssuer, CredentialMetadata, IssuerDisplay, KeyAttestationsRequired,
    PathElement, ProofType, RequestEncryption, ResponseEncryptionSupport,
};
use openid::pkce;
use openid::token::{AUTHORIZATION_CODE, OPENID_CREDENTIAL, PRE_AUTHORIZED_CODE, REFRESH_TOKEN};
use serde_json::{Value, json};

use super::desk::Desk;
use super::{AttestationPolicy, EncryptionPolicy, encryption, paths};
use crate::operations::Platform;

const ES256: &str = "ES256";
/// The same in COSE (RFC 9053 §2.1).
const COSE_ES256: i64 = -7;

/// The credential issuer metadata.
pub(super) fn credential_issuer(platform: &Platform, desk: &Desk) -> CredentialIssuer {
    let base_url = platform.config.public.origin();
    let required = platform.config.issuance.encryption == EncryptionPolicy::Required;
    let responses = ResponseEncryptionSupport::ours(required);
    CredentialIssuer {
        credential_issuer: base_url.to_owned(),
        credential_endpoint: format!("{base_url}{}", paths::CREDENTIAL),
        nonce_endpoint: Some(format!("{base_url}{}", paths::NONCE)),
        deferred_credential_endpoint: Some(format!("{base_url}{}", paths::DEFERRED)),
        notification_endpoint: Some(format!("{base_url}{}", paths::NOTIFICATION)),
        credential_request_encryption: encryption::published(platform).map(|key| RequestEncryption {
            jwks: keys::JwkSet { keys: vec![key] },
            enc_values_supported: responses.enc_values_supported.clone(),
            encryption_required: required,
        }),
        credential_response_encryption: Some(responses),
        batch_credential_issuance: (desk.batch_size() > 1)
            .then(|| BatchIssuance { batch_size: u32::from(desk.batch_size()) }),
        display: languages(&super::issuer_name())
            .map(|(locale, name)| IssuerDisplay { name: Some(name), locale: Some(locale), logo: None })
            .collect(),
        credential_configurations_supported: desk
            .configurations()
            .map(|(id, kind, format)| (id.clone(), configuration(kind, &id, format)))
            .collect(),
        ..CredentialIssuer::default()
    }
}

fn configuration(kind: &CredentialType, id: &str, format: Format) -> CredentialConfiguration {
    let algorithms = || vec![ES256.to_owned()];
    let proofs = BTreeMap::from([
        (
            "jwt".to_owned(),
            ProofType { proof_signing_alg_values_supported: algorithms(), ..ProofType::default() },
        ),
        (
            "attestation".to_owned(),
            ProofType {
                proof_signing_alg_values_supported: algorithms(),
                key_attestations_required: Some(KeyAttestationsRequired::default()),
            },
        ),
    ]);
    let common = CredentialConfiguration {
        format: format.as_str().to_owned(),
        scope: kind.apply.is_none().then(|| id.to_owned()),
        proof_types_supported: proofs,
        copies: Some(u32::from(kind.batch.copies(format))),
        credential_metadata: Some(CredentialMetadata {
            display: languages(&kind.name)
                .zip(languages(&kind.description))
                .map(|((locale, name), (_, description))| CredentialDisplay {
                    name,
                    locale: Some(locale),
                    description: Some(description),
                    background_color: kind.background_color.clone(),
                    text_color: kind.text_color.clone(),
                    ..CredentialDisplay::default()
                })
                .collect(),
            claims: match format {
                Format::SdJwtVc => kind.claims.iter().map(|claim| described(None, claim)).collect(),
                Format::Mdoc => kind.documented().map(|claim| described(kind.name_space(), claim)).collect(),
            },
        }),
        ..CredentialConfiguration::default()
    };
    match format {
        Format::SdJwtVc => CredentialConfiguration {
            credential_signing_alg_values_supported: vec![Value::from(ES256)],
            cryptographic_binding_methods_supported: vec!["jwk".to_owned()],
            vct: Some(kind.vct.clone()),
            ..common
        },
        Format::Mdoc => CredentialConfiguration {
            credential_signing_alg_values_supported: vec![Value::from(COSE_ES256)],
            cryptographic_binding_methods_supported: vec!["cose_key".to_owned()],
            doctype: kind.doctype.clone(),
            ..common
        },
    }
}

/// A claim with its labels (OpenID4VCI 1.0 Appendix B); an mdoc's path begins with the namespace.
fn described(name_space: Option<&str>, claim: &Claim) -> ClaimDescription {
    let steps = name_space.into_iter().chain([claim.name()]);
    ClaimDescription {
        path: steps.map(|step| PathElement::Member(step.to_owned())).collect(),
        mandatory: claim.mandatory,
        display: languages(&claim.label)
            .map(|(locale, name)| ClaimDisplay { name: Some(name), locale: Some(locale) })
            .collect(),
    }
}

fn languages(text: &Bilingual) -> impl Iterator<Item = (String, String)> {
    [("ko".to_owned(), text.ko.clone()), ("en".to_owned(), text.en.clone())].into_iter()
}

/// The authorization server metadata.
pub(super) fn authorization_server(
    desk: &Desk,
    base_url: &str,
    policy: AttestationPolicy,
) -> AuthorizationServer {
    let algorithms = || vec![ES256.to_owned()];
    let mut methods = Vec::new();
    if policy != AttestationPolicy::Required {
        methods.push("none".to_owned());
    }
    let attested = policy != AttestationPolicy::Off;
    if attested {
        methods.push(attestation::METHOD.to_owned());
    }
    AuthorizationServer {
        issuer: base_url.to_owned(),
        authorization_endpoint: Some(format!("{base_url}{}", paths::AUTHORIZE)),
        pushed_authorization_request_endpoint: Some(format!("{base_url}{}", paths::PAR)),
        require_pushed_authorization_requests: true,
        token_endpoint: Some(format!("{base_url}{}", paths::TOKEN)),
        scopes_supported: Desk::configurations_of(desk.badge()).map(|(id, _)| id).collect(),
        response_types_supported: vec!["code".to_owned()],
        response_modes_supported: vec!["query".to_owned()],
        grant_types_supported: [AUTHORIZATION_CODE, PRE_AUTHORIZED_CODE, REFRESH_TOKEN]
            .map(str::to_owned)
            .to_vec(),
        code_challenge_methods_supported: vec![pkce::METHOD.to_owned()],
        authorization_response_iss_parameter_supported: true,
        token_endpoint_auth_methods_supported: methods,
        dpop_signing_alg_values_supported: algorithms(),
        authorization_details_types_supported: vec![OPENID_CREDENTIAL.to_owned()],
        client_attestation_signing_alg_values_supported: if attested { algorithms() } else { Vec::new() },
        client_attestation_pop_signing_alg_values_supported: if attested { algorithms() } else { Vec::new() },
        pre_authorized_grant_anonymous_access_supported: policy != AttestationPolicy::Required,
        ..AuthorizationServer::default()
    }
}

/// The DID document of the issuing DID, with the key that credentials name as `kid` (DID 1.0 §5).
pub(super) fn did_document(did: &str, key: &keys::PublicKey) -> Value {
    let method = format!("{did}#issuer");
    json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jws/v1"],
        "id": did,
        "verificationMethod": [{
            "id": method,
            "type": "JsonWebKey2020",
            "controller": did,
            "publicKeyJwk": key.to_jwk(),
        }],
        "assertionMethod": [method],
    })
}
