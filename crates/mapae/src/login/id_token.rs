//! The ID token of a login, signed ES256 or RS256 as the relying party is registered.

use keys::SignError;
use openid::approval::Level;
use openid::oidc::{IdToken, IdTokenSigner, token_hash};

use super::session::Redeemable;
use super::ticket::Code;
use crate::operations::server_keys::KeyName;
use crate::operations::{Platform, limits};
use crate::verification::relying_party::{IdTokenAlg, RelyingParty};

/// Authentication methods (RFC 8176): a key held in software, and the PIN where the account role judged one.
fn methods(level: Level) -> Vec<String> {
    let methods: &[&str] = match level {
        Level::Base => &["swk"],
        Level::Pin => &["swk", "pin", "mfa"],
    };
    methods.iter().map(|method| (*method).to_owned()).collect()
}

/// Signs the token of a login that was just redeemed. The badge's own claims are read at userinfo, which a suspension
/// closes.
///
/// # Errors
/// The key is missing or can't sign.
pub(super) fn sign(
    platform: &Platform,
    party: &RelyingParty,
    code: &Code,
    login: &Redeemable,
    access_token: &str,
    now_s: i64,
) -> Result<String, SignError> {
    let token = IdToken {
        iss: platform.config.public.origin().to_owned(),
        sub: login.grant.subject.clone(),
        aud: party.id.clone(),
        exp: now_s.saturating_add(limits::LOGIN_ID_TOKEN.get() / 1_000),
        iat: now_s,
        auth_time: Some(login.at_ms.div_euclid(1_000)),
        nonce: code.grant.nonce.clone(),
        acr: Some(super::acr(login.grant.level).to_owned()),
        amr: methods(login.grant.level),
        at_hash: Some(token_hash(access_token)),
        ..IdToken::default()
    };
    let missing = |_| SignError("the provider's key is missing".to_owned());
    match party.id_token_alg {
        IdTokenAlg::ES256 => {
            let signer = platform.keys.signer(KeyName::OpEs256).map_err(missing)?;
            let kid = signer.public_key().thumbprint();
            token.sign(&IdTokenSigner::Es256 { signer: &*signer, kid: &kid })
        }
        IdTokenAlg::RS256 => {
            let key = platform.keys.rsa();
            let kid =
                key.jwk().thumbprint().map_err(|_| SignError("the RSA key has no thumbprint".to_owned()))?;
            token.sign(&IdTokenSigner::Rs256 { key, kid: &kid })
        }
    }
}
