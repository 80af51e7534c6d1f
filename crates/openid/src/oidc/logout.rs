//! The two ways in which a login ends: asked for by the relying party, or told to it.
//!
//! [`EndSession`] is RP-Initiated Logout 1.0 §2; [`LogoutToken`] is Back-Channel Logout 1.0 §2.4.

use serde::{Deserialize, Serialize};

use crate::error::{Code, OAuthError};
use crate::form::Form;

/// `typ` of a logout token.
pub const LOGOUT_TYP: &str = "logout+jwt";
/// The member of `events` that makes a JWT a logout token.
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Longest `state` that is carried back, in bytes.
const MAX_STATE: usize = 512;

/// A request to log out, as received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndSession {
    /// An ID token of the login to end; it may have expired.
    pub id_token_hint: Option<String>,
    /// The relying party, where it names itself.
    pub client_id: Option<String>,
    /// Where to send the browser afterwards.
    pub post_logout_redirect_uri: Option<String>,
    /// To be sent back.
    pub state: Option<String>,
}

impl EndSession {
    /// Reads the query or form; parameters that nobody knows are ignored.
    ///
    /// # Errors
    /// `invalid_request` for a `state` beyond the bound.
    pub fn read(form: &Form) -> Result<EndSession, OAuthError> {
        let owned = |name: &str| form.get(name).map(str::to_owned);
        let state = owned("state");
        if state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
            return Err(OAuthError::new(Code::InvalidRequest, "state is too long"));
        }
        Ok(EndSession {
            id_token_hint: owned("id_token_hint"),
            client_id: owned("client_id"),
            post_logout_redirect_uri: owned("post_logout_redirect_uri"),
            state,
        })
    }
}

/// `events` of a logout token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutEvents {
    /// An empty object.
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    pub logout: NoMembers,
}

/// `{}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoMembers {}

/// The claims of a logout token. It never carries a `nonce`, so that it can't be taken for an ID token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutToken {
    /// The provider.
    pub iss: String,
    /// The person, as this client knows them.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Issued at, seconds.
    pub iat: i64,
    /// Expires at, seconds.
    pub exp: i64,
    /// The same for every try to deliver it.
    pub jti: String,
    /// What happened.
    pub events: LogoutEvents,
    /// The session, as the ID token named it.
    pub sid: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_token_has_the_one_event_and_no_nonce() {
        let token = LogoutToken {
            iss: "https://id.example.kr".into(),
            sub: "s".into(),
            aud: "portal".into(),
            iat: 1,
            exp: 2,
            jti: "j".into(),
            events: LogoutEvents::default(),
            sid: "one".into(),
        };
        let value = serde_json::to_value(&token).unwrap();
        assert_eq!(value["events"][LOGOUT_EVENT], serde_json::json!({}));
        assert!(value.get("nonce").is_none());
    }

    #[test]
    fn a_logout_request_is_read_and_bounded() {
        let form = Form::default().with("id_token_hint", "x").with("logout_hint", "who").with("state", "s");
        let read = EndSession::read(&form).unwrap();
        assert_eq!((read.id_token_hint.as_deref(), read.state.as_deref()), (Some("x"), Some("s")));
        let long = Form::default().with("state", &"x".repeat(513));
        assert!(EndSession::read(&long).is_err());
    }
}
