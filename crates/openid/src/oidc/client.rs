//! A registered relying party, as far as the protocol cares, and how it authenticates.

use keys::encoding;
use serde::{Deserialize, Serialize};

use super::id_token::IdTokenAlgorithm;
use crate::error::{Code, OAuthError};
use crate::form::Form;

/// A registered relying party (OpenID Connect Registration §2, by our own registration only).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its name in the protocol.
    pub client_id: String,
    /// Where codes may be sent; compared character by character (RFC 9700 §4.1.3).
    pub redirect_uris: Vec<String>,
    /// Scopes it may ask for besides `openid`.
    pub scopes: Vec<String>,
    /// How it authenticates at the token endpoint.
    pub auth_method: ClientAuthMethod,
    /// Whether `sub` differs for each sector.
    pub subject_type: SubjectType,
    /// The sector of a pairwise `sub`: a host name.
    pub sector: String,
    /// How its ID tokens are signed.
    pub id_token_algorithm: IdTokenAlgorithm,
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A public client: PKCE alone.
    None,
    /// HTTP Basic.
    ClientSecretBasic,
    /// In the form.
    ClientSecretPost,
    /// By a JWT that it signs ([`super::assertion`]).
    PrivateKeyJwt,
}

impl Client {
    /// Whether codes may be sent to `uri`: it is registered character by character, or it is registered for a native app
    /// on `127.0.0.1` or `[::1]` without a port, and has one (RFC 8252 §7.3).
    #[must_use]
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered == uri || is_loopback_of(registered, uri))
    }
}

/// Whether `uri` is the loopback address `registered` with a port of the app's choice. The name `localhost` is not one: it
/// may lead elsewhere (RFC 8252 §8.3).
fn is_loopback_of(registered: &str, uri: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].iter().any(|host| {
        let (Some(path), Some(rest)) = (registered.strip_prefix(host), uri.strip_prefix(host)) else {
            return false;
        };
        let Some(rest) = rest.strip_prefix(':') else { return false };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (port, rest) = rest.split_at(digits);
        path.starts_with('/') && rest == path && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// Whether `sub` is the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectType {
    /// The same at every relying party.
    Public,
    /// Its own for each sector (OpenID Connect Core §8.1).
    Pairwise,
}

/// What a token request says about its client; the secret is still to be judged.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Who it says it is.
    pub client_id: String,
    /// The secret, if it sent one.
    pub client_secret: Option<String>,
    /// How it sent it.
    pub method: ClientAuthMethod,
}

impl std::fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client_id", &self.client_id)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl ClientCredentials {
    /// Reads the credentials of a token, revocation or introspection request (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// `invalid_client` if there are none or the header is malformed; `invalid_request` for two methods at once.
    pub fn read(authorization: Option<&str>, form: &Form) -> Result<ClientCredentials, OAuthError> {
        let in_form = form.get("client_id");
        let secret_in_form = form.get("client_secret");
        if let Some(header) = authorization {
            if secret_in_form.is_some() {
                return Err(OAuthError::new(Code::InvalidRequest, "two client authentications at once"));
            }
            let (client_id, client_secret) = basic(header).ok_or_else(|| {
                OAuthError::new(
                    Code::InvalidClient,
                    "the Authorization header is not Basic with an id and a secret",
                )
            })?;
            if in_form.is_some_and(|id| id != client_id) {
                return Err(OAuthError::new(
                    Code::InvalidRequest,
                    "client_id differs from the Authorization header",
                ));
            }
            return Ok(ClientCredentials {
                client_id,
                client_secret: Some(client_secret),
                method: ClientAuthMethod::ClientSecretBasic,
            });
        }
        let client_id = in_form
            .ok_or_else(|| OAuthError::new(Code::InvalidClient, "the client does not name itself"))?
            .to_owned();
        let method = match secret_in_form {
            Some(_) => ClientAuthMethod::ClientSecretPost,
            None => ClientAuthMethod::None,
        };
        Ok(ClientCredentials { client_id, client_secret: secret_in_form.map(str::to_owned), method })
    }

    /// Judges id and method against the registration; `secret_matches` compares with the stored hash.
    ///
    /// # Errors
    /// `invalid_client` for another client, another method, or a wrong secret.
    pub fn check(
        &self,
        client: &Client,
        secret_matches: impl FnOnce(&str) -> bool,
    ) -> Result<(), OAuthError> {
        let right = self.client_id == client.client_id
            && self.method == client.auth_method
            && self.client_secret.as_deref().is_none_or(secret_matches);
        if right { Ok(()) } else { Err(OAuthError::new(Code::InvalidClient, "client authentication failed")) }
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || value.len() > 4096 {
        return None;
    }
    let text = String::from_utf8(encoding::b64_decode(value.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    // Both halves are form-encoded first (RFC 6749 §2.3.1).
    let decoded = |part: &str| {
        let form = Form::parse(format!("v={}", part.replace('&', "%26")).as_bytes()).ok()?;
        form.get("v").map(str::to_owned)
    };
    Some((decoded(id)?, decoded(secret)?))
}

#[cfg(test)]
mod tests {
    use super::is_loopback_of;

    #[test]
    fn a_native_app_chooses_its_port_and_nothing_else() {
        let registered = "http://127.0.0.1/callback";
        assert!(is_loopback_of(registered, "http://127.0.0.1:51004/callback"));
        assert!(is_loopback_of("http://[::1]/callback", "http://[::1]:8080/callback"));
        for uri in [
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:51004/callback?x=1",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:70000/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:80@attacker.example/callback",
            "http://127.0.0.1.attacker.example:80/callback",
            "http://localhost:51004/callback",
            "https://127.0.0.1:51004/callback",
            "http://[::1]:51004/callback",
        ] {
            assert!(!is_loopback_of(registered, uri), "{uri}");
        }
        assert!(!is_loopback_of("http://127.0.0.1:8603/callback", "http://127.0.0.1:9000/callback"));
        assert!(!is_loopback_of("http://localhost/callback", "http://localhost:9000/callback"));
    }
}
