//! DIDs and DID URLs, parsed (DID Core 1.0 §3).

use std::fmt;

use crate::contract::Code;

/// The longest DID or DID URL that is read, in bytes.
pub const MAX_DID: usize = 2_048;

/// `did:mapae:<network>:<agency>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Did {
    pub network: Code,
    pub agency: Code,
}

impl Did {
    pub fn new(network: Code, agency: Code) -> Self {
        Self { network, agency }
    }

    /// Reads a bare DID, nothing after it.
    pub fn parse(text: &str) -> Option<Self> {
        let (network, agency) = text.strip_prefix("did:mapae:")?.split_once(':')?;
        Some(Self { network: Code::parse(network)?, agency: Code::parse(agency)? })
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "did:mapae:{}:{}", self.network, self.agency)
    }
}

/// The methods that are resolved here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    Mapae(Did),
    Jwk,
    Key,
    Web,
}

/// A DID URL without a path: the DID, which version of it, and a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DidUrl {
    pub did: String,
    pub method: Method,
    pub version_id: Option<String>,
    /// Seconds since 1970.
    pub version_time: Option<u64>,
    pub fragment: Option<String>,
}

/// Why a text is no DID URL that is answered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameError {
    Invalid,
    /// A DID of a method that is not known here.
    Method,
    /// An option that is not known here, or given twice.
    Option,
}

impl DidUrl {
    pub(super) fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_DID {
            return Err(NameError::Invalid);
        }
        let (rest, fragment) = match text.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment.to_owned())),
            None => (text, None),
        };
        let (did, query) = rest.split_once('?').unwrap_or((rest, ""));
        let method = method_of(did)?;
        let mut url = Self { did: did.to_owned(), method, version_id: None, version_time: None, fragment };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(NameError::Option)?;
            let value = percent_decoded(value).ok_or(NameError::Option)?;
            match name {
                "versionId" if url.version_id.is_none() => url.version_id = Some(value),
                "versionTime" if url.version_time.is_none() => {
                    url.version_time = Some(read_time(&value).ok_or(NameError::Option)?);
                }
                _ => return Err(NameError::Option),
            }
        }
        Ok(url)
    }
}

fn method_of(did: &str) -> Result<Method, NameError> {
    let (method, id) =
        did.strip_prefix("did:").and_then(|rest| rest.split_once(':')).ok_or(NameError::Invalid)?;
    let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
    if method.is_empty()
        || !method.bytes().all(name)
        || id.is_empty()
        || id.ends_with(':')
        || !id.bytes().all(letter)
    {
        return Err(NameError::Invalid);
    }
    match method {
        "mapae" => Did::parse(did).map(Method::Mapae).ok_or(NameError::Invalid),
        "jwk" => Ok(Method::Jwk),
        "key" => Ok(Method::Key),
        "web" => Ok(Method::Web),
        _ => Err(NameError::Method),
    }
}

/// Where the document of a did:web lies: host (with port) and path. Only names with a dot or `localhost`: an address in
/// digits would lead into one's own network.
pub fn web_address(did: &str) -> Option<(String, String)> {
    let mut parts = did.strip_prefix("did:web:")?.split(':');
    let host = percent_decoded(parts.next()?)?.to_ascii_lowercase();
    let (name, port) = host.split_once(':').map_or((host.as_str(), None), |(name, port)| (name, Some(port)));
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return None;
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let top_is_number =
        name.rsplit('.').next().is_some_and(|top| top.bytes().all(|byte| byte.is_ascii_digit()));
    if !(name == "localhost" || name.contains('.')) || !name.split('.').all(label) || top_is_number {
        return None;
    }
    let mut path = String::new();
    for part in parts {
        let part = percent_decoded(part)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if part.is_empty() || part.starts_with('.') || !part.bytes().all(plain) {
            return None;
        }
        path.push('/');
        path.push_str(&part);
    }
    let path = if path.is_empty() { "/.well-known/did.json".to_owned() } else { path + "/did.json" };
    Some((host, path))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// An XML date and time in UTC, whole seconds (DID Core 1.0 §3.2.1).
fn read_time(text: &str) -> Option<u64> {
    let time = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp()).ok()
}
