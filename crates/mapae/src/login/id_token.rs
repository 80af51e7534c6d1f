//! What the provider signs for relying parties: ID tokens and logout tokens, ES256 or RS256 as each is registered.

use keys::jws::{Typ, Unverified};
use keys::{PublicKey, SignError};
use openid::approval::Level;
use openid::oidc::{IdToken, IdTokenSigner, LOGOUT_TYP, LogoutToken, token_hash};
use serde_json::{Map, Value};

use crate::operations::server_keys::KeyName;
use crate::operations::{Platform, limits};
use crate::verification::relying_party::{IdTokenAlg, RelyingParty};

/// Longest ID token read back, in bytes.
const MAX_HINT: usize = 8 * 1024;

/// Authentication methods (RFC 8176): a key held in software, and the PIN where the account role judged one.
fn methods(level: Level) -> Vec<String> {
    let methods: &[&str] = match level {
        Level::Base => &["swk"],
        Level::Pin => &["swk", "pin", "mfa"],
        Level::Hardware => &["hwk", "pin", "mfa"],
    };
    methods.iter().map(|method| (*method).to_owned()).collect()
}

/// What an ID token tells.
pub(super) struct Login<'a> {
    pub(super) subject: &'a str,
    pub(super) level: Level,
    pub(super) authenticated_ms: i64,
    pub(super) nonce: Option<String>,
    pub(super) session: &'a str,
    pub(super) access_token: &'a str,
    /// Those badge claims that were asked for in the ID token; the others are read at userinfo, which a suspension closes.
    pub(super) claims: Map<String, Value>,
}

/// Signs the ID token of a login.
///
/// # Errors
/// The key is missing or can't sign.
pub(super) fn sign(
    platform: &Platform,
    party: &RelyingParty,
    login: Login<'_>,
    now_s: i64,
) -> Result<String, SignError> {
    let token = IdToken {
        iss: platform.config.public.origin().to_owned(),
        sub: login.subject.to_owned(),
        aud: party.id.clone(),
        exp: now_s.saturating_add(limits::LOGIN_ID_TOKEN.get() / 1_000),
        iat: now_s,
        auth_time: Some(login.authenticated_ms.div_euclid(1_000)),
        nonce: login.nonce,
        acr: Some(super::acr(login.level).to_owned()),
        amr: methods(login.level),
        at_hash: Some(token_hash(login.access_token)),
        sid: Some(login.session.to_owned()),
        azp: None,
        claims: login.claims,
    };
    with_key(platform, party.id_token_alg, |signer| token.sign(signer))
}

/// Signs a logout token as the relying party's ID tokens are (Back-Channel Logout §2.4).
///
/// # Errors
/// The key is missing or can't sign.
pub(super) fn sign_logout(
    platform: &Platform,
    algorithm: IdTokenAlg,
    token: &LogoutToken,
) -> Result<String, SignError> {
    with_key(platform, algorithm, |signer| signer.sign(LOGOUT_TYP, token))
}

fn with_key(
    platform: &Platform,
    algorithm: IdTokenAlg,
    sign: impl FnOnce(&IdTokenSigner<'_>) -> Result<String, SignError>,
) -> Result<String, SignError> {
    let missing = |_| SignError("the provider's key is missing".to_owned());
    match algorithm {
        IdTokenAlg::ES256 => {
            let signer = platform.keys.signer(KeyName::OpEs256).map_err(missing)?;
            let kid = signer.public_key().thumbprint();
            sign(&IdTokenSigner::Es256 { signer: &*signer, kid: &kid })
        }
        IdTokenAlg::RS256 => {
            let key = platform.keys.rsa();
            let kid =
                key.jwk().thumbprint().map_err(|_| SignError("the RSA key has no thumbprint".to_owned()))?;
            sign(&IdTokenSigner::Rs256 { key, kid: &kid })
        }
    }
}

/// What of an ID token of ours tells which login it was; it may have expired (RP-Initiated Logout §2).
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Hint {
    iss: String,
    /// The person at this relying party.
    pub(super) sub: String,
    /// The relying party.
    pub(super) aud: String,
    /// The session.
    pub(super) sid: Option<String>,
}

/// Reads back an ID token that this provider signed; `None` for anything else.
pub(super) fn read_back(platform: &Platform, text: &str) -> Option<Hint> {
    let unverified = Unverified::parse(text, MAX_HINT).ok()?;
    // The key says which algorithm it is for, never the token.
    let set = super::provider::key_set(platform)?;
    let key = set.find(unverified.header().kid.as_deref()?)?;
    let verified = match key.kty.as_str() {
        "RSA" => unverified.verify_rs256(key, Typ::Is("JWT")),
        _ => unverified.verify(&PublicKey::from_jwk(key).ok()?, Typ::Is("JWT")),
    };
    let hint: Hint = verified.ok()?.claims().ok()?;
    (hint.iss == platform.config.public.origin()).then_some(hint)
}
