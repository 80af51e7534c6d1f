//! OpenID Connect Core 1.0 with code flow, PKCE and `iss` in responses: the provider's rules and the relying party's.
//!
//! Provider: [`AuthorizeForm::parse`] → (load the client) → [`AuthorizeForm::validate`] → (log the person in) →
//! [`AuthorizationRequest::grant`] → [`CodeGrant::redeem`] → [`IdToken`] and [`UserInfo`].
//!
//! A request that fails is either shown on a page or sent back to the client, and never sent back to an address that is
//! not the client's own: [`AuthorizeRefusal`] keeps the two apart.

mod authorize;
mod client;
mod code;
mod id_token;
mod pushed;
pub mod relying_party;
mod subject;

pub use authorize::{
    AuthorizationRequest, AuthorizeForm, AuthorizeRefusal, ClaimRequest, ClaimsRequest, Prompt,
};
pub use client::{Client, ClientAuthMethod, ClientCredentials, SubjectType};
pub use code::CodeGrant;
pub use id_token::{IdToken, IdTokenAlgorithm, IdTokenSigner, UserInfo, token_hash};
pub use pushed::{PushedResponse, REQUEST_URI_PREFIX};
pub use subject::pairwise_subject;

#[cfg(test)]
mod tests;
