//! Request objects (RFC 9101): an authorization request in a JWT that the client signed. By value only.

use keys::PublicKey;
use keys::jws::{Typ, Unverified};
use serde_json::{Map, Value};

use super::assertion::{Audience, SKEW_S};
use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::jwt;

/// `typ` that RFC 9101 §10.8 registers; older clients write `JWT` or nothing.
const TYPES: &[&str] = &["oauth-authz-req+jwt", "JWT"];
/// How long a request object may be good from now on, in seconds (FAPI 2.0 Message Signing §5.3.1 allows an hour).
const MAX_LIFE_S: i64 = 3_600;
/// Members that are about the JWT and no parameters of the request.
const ABOUT_THE_JWT: &[&str] = &["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// A request object as received; nothing in it is believed.
#[derive(Clone, Debug)]
pub struct RequestObject {
    unverified: Unverified,
}

fn refused(why: &'static str) -> OAuthError {
    OAuthError::new(Code::InvalidRequestObject, why)
}

impl RequestObject {
    /// Reads the `request` parameter of a form, if it has one. A `request_uri` beside it is refused (RFC 9101 §5).
    ///
    /// # Errors
    /// `invalid_request_object` for a malformed one or another algorithm than ES256, `invalid_request` for both parameters.
    pub fn read(form: &Form) -> Result<Option<RequestObject>, OAuthError> {
        let Some(text) = form.get("request") else { return Ok(None) };
        if form.get("request_uri").is_some() {
            return Err(OAuthError::new(Code::InvalidRequest, "request and request_uri exclude each other"));
        }
        let unverified =
            Unverified::parse(text, jwt::SHORT).map_err(|_| refused("the request object is malformed"))?;
        if unverified.header().alg != "ES256" {
            return Err(refused("the request object must be signed with ES256"));
        }
        Ok(Some(RequestObject { unverified }))
    }

    /// The key's name, where the header has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.unverified.header().kid.as_deref()
    }

    /// Judges the object and returns the request in it: parameters outside of it do not count (RFC 9101 §6.3).
    ///
    /// # Errors
    /// `invalid_request_object`, the first rule that does not hold.
    pub fn verify(
        self,
        key: &PublicKey,
        client_id: &str,
        issuer: &str,
        now: i64,
    ) -> Result<Form, OAuthError> {
        let typ = if self.unverified.header().typ.is_some() { Typ::OneOf(TYPES) } else { Typ::Any };
        let verified =
            self.unverified.verify(key, typ).map_err(|_| refused("the request object does not verify"))?;
        let claims: Map<String, Value> =
            verified.claims().map_err(|_| refused("the request object is malformed"))?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("client_id") != Some(client_id) || text("iss").is_some_and(|iss| iss != client_id) {
            return Err(refused("the request object is another client's"));
        }
        let audience: Option<Audience> =
            claims.get("aud").cloned().and_then(|aud| serde_json::from_value(aud).ok());
        if !audience.is_some_and(|audience| audience.names(&[issuer])) {
            return Err(refused("the request object is meant for somebody else"));
        }
        let exp = claims.get("exp").and_then(Value::as_i64).ok_or_else(|| refused("exp is missing"))?;
        if exp <= now.saturating_sub(SKEW_S) || exp > now.saturating_add(MAX_LIFE_S + SKEW_S) {
            return Err(refused("the request object has expired or is good for too long"));
        }
        let later = now.saturating_add(SKEW_S);
        for name in ["nbf", "iat"] {
            if claims.get(name).is_some_and(|at| at.as_i64().is_none_or(|at| at > later)) {
                return Err(refused("the request object is from the future"));
            }
        }
        let mut form = Form::default();
        for (name, value) in &claims {
            if name == "request" || name == "request_uri" {
                return Err(refused("a request object holds no other one"));
            }
            if ABOUT_THE_JWT.contains(&name.as_str()) {
                continue;
            }
            match value {
                Value::String(text) => form.push(name, text),
                Value::Null => {}
                other => form.push(name, &other.to_string()),
            }
        }
        Ok(form)
    }
}

#[cfg(test)]
mod tests {
    use keys::SecretKey;
    use keys::jws::{self, Header};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_478_400;
    const ISSUER: &str = "https://id.example.kr";

    fn claims() -> Value {
        json!({ "iss": "portal", "aud": ISSUER, "exp": NOW + 300, "nbf": NOW, "client_id": "portal",
            "response_type": "code", "max_age": 60, "claims": { "userinfo": { "name": null } } })
    }

    fn judge(signer: &SecretKey, key: &SecretKey, typ: &str, claims: &Value) -> Result<Form, OAuthError> {
        let text = jws::sign(signer, &Header::es256(typ), claims.to_string().as_bytes()).unwrap();
        let form = Form::default().with("request", &text).with("scope", "outside");
        RequestObject::read(&form)?.unwrap().verify(key.public_key(), "portal", ISSUER, NOW)
    }

    #[test]
    fn what_stands_in_the_object_is_the_request_and_nothing_else() {
        let key = SecretKey::generate();
        let form = judge(&key, &key, "oauth-authz-req+jwt", &claims()).unwrap();
        assert_eq!(form.get("max_age"), Some("60"));
        assert_eq!(form.get("claims"), Some(r#"{"userinfo":{"name":null}}"#));
        assert_eq!(form.get("scope"), None, "a parameter outside the signature");
        assert_eq!(form.get("iss"), None);
    }

    #[test]
    fn a_foreign_stale_or_nested_object_is_refused() {
        let (key, other) = (SecretKey::generate(), SecretKey::generate());
        for (name, value) in [
            ("client_id", json!("other")),
            ("iss", json!("other")),
            ("aud", json!("https://other.example")),
            ("aud", Value::Null),
            ("exp", json!(NOW - 100)),
            ("exp", json!(NOW + 10_000)),
            ("exp", Value::Null),
            ("nbf", json!(NOW + 100)),
            ("iat", json!("soon")),
            ("request", json!("eyJ")),
            ("request_uri", json!("https://portal.example/r")),
        ] {
            let mut changed = claims();
            changed[name] = value.clone();
            let refused = judge(&key, &key, "JWT", &changed).unwrap_err();
            assert_eq!(refused.error, Code::InvalidRequestObject, "{name} = {value}");
        }
        assert!(judge(&other, &key, "JWT", &claims()).is_err());
        assert!(judge(&key, &key, "dpop+jwt", &claims()).is_err());
        for text in ["eyJhbGciOiJub25lIn0.e30.", "x", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"] {
            let form = Form::default().with("request", text);
            assert!(RequestObject::read(&form).is_err(), "{text}");
        }
        let both = Form::default().with("request", "x").with("request_uri", "y");
        assert_eq!(RequestObject::read(&both).unwrap_err().error, Code::InvalidRequest);
    }
}
