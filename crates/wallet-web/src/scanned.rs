//! What a QR code, a pasted text or an opened link is.

/// What it is, as far as the text tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// The install address of the message: `…/install#handle`; the handle.
    Invitation(String),
    /// A request for a presentation: a login, or a verifier's question.
    Request(String),
    /// A credential offer.
    Offer(String),
    /// An address that is neither; its host.
    OtherSite(String),
    /// Something else.
    Unknown,
}

/// Longest text that is looked at, in bytes.
const MAX: usize = 64 * 1024;

const REQUESTS: [&str; 4] = ["openid4vp://", "haip-vp://", "eudi-openid4vp://", "mdoc-openid4vp://"];
const OFFERS: [&str; 2] = ["openid-credential-offer://", "haip-vci://"];

/// Looks at a text; `origin` is this app's own (`https://host[:port]`).
pub fn read(text: &str, origin: &str) -> Scanned {
    let text = text.trim();
    if text.len() > MAX {
        return Scanned::Unknown;
    }
    let lower: String = text.chars().take(40).collect::<String>().to_ascii_lowercase();
    if REQUESTS.iter().any(|scheme| lower.starts_with(scheme)) {
        return Scanned::Request(text.to_owned());
    }
    if OFFERS.iter().any(|scheme| lower.starts_with(scheme)) {
        return Scanned::Offer(text.to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else { return Scanned::Unknown };
    if !matches!(scheme.to_ascii_lowercase().as_str(), "https" | "http") {
        return Scanned::Unknown;
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some(path) = text.strip_prefix(origin).filter(|rest| rest.starts_with('/')) else {
        return Scanned::OtherSite(host.to_owned());
    };
    match (path.split_once('#'), path.split_once('?')) {
        (Some(("/install" | "/wallet/install", handle)), _) if is_handle(handle) => {
            Scanned::Invitation(handle.to_owned())
        }
        (None, Some(("/wallet/open", query))) if query.contains("credential_offer") => {
            Scanned::Offer(format!("openid-credential-offer://?{query}"))
        }
        (None, Some(("/wallet/open", query))) => Scanned::Request(format!("openid4vp://?{query}")),
        _ => Scanned::OtherSite(host.to_owned()),
    }
}

/// Whether a text can be the handle of an invitation.
pub fn is_handle(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://mapae.example";

    #[test]
    fn requests_offers_and_invitations_are_told_apart() {
        assert_eq!(
            read(" openid4vp://?client_id=x ", HERE),
            Scanned::Request("openid4vp://?client_id=x".into())
        );
        assert_eq!(
            read("https://mapae.example/wallet/open?client_id=x&request_uri=y", HERE),
            Scanned::Request("openid4vp://?client_id=x&request_uri=y".into())
        );
        assert_eq!(
            read("openid-credential-offer://?a=b", HERE),
            Scanned::Offer("openid-credential-offer://?a=b".into())
        );
        for address in [
            "https://mapae.example/install#abcdefghijklmnop",
            "https://mapae.example/wallet/install#abcdefghijklmnop",
        ] {
            assert_eq!(read(address, HERE), Scanned::Invitation("abcdefghijklmnop".into()));
        }
    }

    #[test]
    fn another_site_is_named_and_never_opened() {
        assert_eq!(
            read("https://evil.example/wallet/open?client_id=x", HERE),
            Scanned::OtherSite("evil.example".into())
        );
        assert_eq!(
            read("https://mapae.example.evil.example/install#abcdefghijklmnop", HERE),
            Scanned::OtherSite("mapae.example.evil.example".into())
        );
        assert_eq!(read("https://mapae.example/portal", HERE), Scanned::OtherSite("mapae.example".into()));
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in ["", "WIFI:T:WPA;S:x;;", "javascript:alert(1)", "tel:01000000000", "install", "ftp://x/y"]
        {
            assert_eq!(read(text, HERE), Scanned::Unknown, "{text}");
        }
        assert_eq!(read(&"x".repeat(MAX + 1), HERE), Scanned::Unknown);
    }
}
