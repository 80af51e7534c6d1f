//! Web addresses: which ones may be called, and how parameters are added to one.

use url::{Host, Url};

use crate::form::Form;

/// Longest address accepted, in bytes.
pub const MAX_URL: usize = 2048;

/// Why an address was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Longer than [`MAX_URL`].
    #[error("the address is too long")]
    TooLong,
    /// Not an absolute address.
    #[error("not an absolute address")]
    Malformed,
    /// Neither https nor http on this machine's loopback.
    #[error("the address must use https")]
    NotHttps,
    /// A user name, password or fragment, which have no place in an endpoint.
    #[error("the address has a user name or a fragment")]
    Forbidden,
}

/// Parses an endpoint address: https, or http where the host is this machine (`localhost`, 127.0.0.0/8, `::1`).
///
/// The standards demand https without exception. Plain http on loopback leaves no machine, and lets a newcomer run the
/// whole platform without a certificate; it is the one deviation, and this function the one place for it.
///
/// # Errors
/// Too long, not absolute, another scheme, or carrying a user name or fragment.
pub fn endpoint(text: &str) -> Result<Url, LinkError> {
    if text.len() > MAX_URL {
        return Err(LinkError::TooLong);
    }
    if text.bytes().any(|b| b <= b' ' || b == b'\\' || b == 0x7f) {
        return Err(LinkError::Malformed);
    }
    let url = Url::parse(text).map_err(|_| LinkError::Malformed)?;
    match url.scheme() {
        "https" if url.host().is_some() => {}
        "http" if is_loopback(&url) => {}
        _ => return Err(LinkError::NotHttps),
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('#') {
        return Err(LinkError::Forbidden);
    }
    Ok(url)
}

/// Parses an issuer identifier: an endpoint without query (RFC 8414 §2, OpenID4VCI §12.2.1).
///
/// # Errors
/// As [`endpoint`], and `Forbidden` for a query.
pub fn issuer(text: &str) -> Result<Url, LinkError> {
    let url = endpoint(text)?;
    if text.contains('?') { Err(LinkError::Forbidden) } else { Ok(url) }
}

/// Whether the host is this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The address of a well-known document of an issuer, inserted between host and path (RFC 8414 §3.1, OpenID4VCI §12.2.2).
///
/// # Errors
/// The issuer is no issuer identifier.
pub fn well_known(issuer_id: &str, name: &str) -> Result<String, LinkError> {
    let url = issuer(issuer_id)?;
    let path = url.path().trim_end_matches('/');
    Ok(format!("{}/.well-known/{name}{path}", url.origin().ascii_serialization()))
}

/// Adds parameters to the query of an address, before its fragment, keeping what stands there.
#[must_use]
pub fn with_query(address: &str, form: &Form) -> String {
    let (base, fragment) = match address.split_once('#') {
        Some((base, fragment)) => (base, Some(fragment)),
        None => (address, None),
    };
    let separator = match base.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    let mut out = format!("{base}{separator}{}", form.encode());
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

#[cfg(test)]
mod tests;
