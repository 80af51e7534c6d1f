//! OAuth 2.0, OpenID4VCI, OpenID4VP and OpenID Connect messages and rules: no HTTP, no database, time as an argument.

pub mod approval;
