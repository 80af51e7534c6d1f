//! OpenID Connect Core 1.0 with code flow, PKCE and `iss` in responses: the provider's rules and the relying party's.
//!
//! Provider: [`AuthorizeForm::parse`] → (load the client) → [`AuthorizeForm::validate`] → (log the person in) →
//! [`AuthorizationRequest::grant`] → [`CodeGrant::redeem`] → [`IdToken`] and [`UserInfo`].
//!
//! Beside the code flow: pushed requests and request objects (RFC 9126, RFC 9101), clients that sign
//! ([`assertion`], RFC 7523), devices without a browser ([`device`], RFC 8628), what resource servers are told
//! ([`Introspection`], RFC 7662), and the end of a login ([`EndSession`], [`LogoutToken`]).
//!
//! A request that fails is either shown on a page or sent back to the client, and never sent back to an address that is
//! not the client's own: [`AuthorizeRefusal`] keeps the two apart.

pub mod assertion;
mod authorize;
mod client;
mod code;
pub mod device;
mod id_token;
mod introspection;
mod logout;
mod pushed;
pub mod relying_party;
mod request_object;
mod subject;

pub use authorize::{
    AuthorizationRequest, AuthorizeForm, AuthorizeRefusal, ClaimRequest, ClaimsRequest, Prompt,
};
pub use client::{Client, ClientAuthMethod, ClientCredentials, SubjectType};
pub use code::CodeGrant;
pub use id_token::{IdToken, IdTokenAlgorithm, IdTokenSigner, UserInfo, token_hash};
pub use introspection::{Confirmation, Introspection};
pub use logout::{EndSession, LOGOUT_EVENT, LOGOUT_TYP, LogoutEvents, LogoutToken};
pub use pushed::{PushedResponse, REQUEST_URI_PREFIX};
pub use request_object::RequestObject;
pub use subject::pairwise_subject;

#[cfg(test)]
mod tests;
