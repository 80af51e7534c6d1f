//! Which addresses a message may be sent to, when a stranger names them: https to a name on the public internet, and
//! nothing that leads into a network of ours (SSRF). In demo mode this machine is allowed as well, by http too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::operations::limits;

/// The address, if a message may go there.
pub(crate) fn judge(text: &str, demo: bool) -> Option<Url> {
    if text.len() > limits::PUSH_ENDPOINT.size() {
        return None;
    }
    let url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return None;
    }
    let (loopback, named) = match url.host()? {
        Host::Domain("localhost") => (true, false),
        // A name with a dot: `printer` or `intranet` are names of the inside.
        Host::Domain(name) => (false, name.trim_end_matches('.').contains('.')),
        Host::Ipv4(address) => (address.is_loopback(), false),
        Host::Ipv6(address) => (address.is_loopback(), false),
    };
    let allowed = match url.scheme() {
        "https" => (named && url.port().is_none()) || (demo && (loopback || named)),
        "http" => demo && loopback,
        _ => false,
    };
    allowed.then_some(url)
}

/// Resolves names to public addresses only: the name may have been judged, and may lead elsewhere by now.
#[derive(Debug)]
pub(super) struct PublicAddresses {
    pub(super) loopback: bool,
}

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|found| is_public(found.ip()) || (loopback && found.ip().is_loopback()))
                .collect();
            if allowed.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet (IANA special-purpose registries).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_broadcast()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 224)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // ::ffff:0:0/96 (mapped) and the rest of ::/16, where nothing is public.
        (0, 0) => [c, d, e] == [0, 0, 0] && f == 0xffff && v4(g, h),
        // 64:ff9b::/96 leads to IPv4.
        (0x64, 0xff9b) => [c, d, e, f] == [0, 0, 0, 0] && v4(g, h),
        // 2001:db8::/32 is documentation, 2001::/23 is for protocols.
        (0x2001, 0xdb8) => false,
        (0x2001, 0..=0x1ff) => false,
        // 2002::/16 carries an IPv4 address.
        (0x2002, _) => v4(b, c),
        // 2000::/3 is the public part.
        _ => (0x2000..0x4000).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_a_public_name_is_taken() {
        for text in ["https://push.example/abc", "https://updates.push.services.example/wpush/v2/gAAAA?x=1"] {
            assert!(judge(text, false).is_some(), "{text}");
        }
        for text in [
            "http://push.example/abc",
            "https://push.example:8443/abc",
            "https://localhost/abc",
            "https://127.0.0.1/abc",
            "https://10.0.0.1/abc",
            "https://8.8.8.8/abc",
            "https://[::1]/abc",
            "https://[fd00::1]/abc",
            "https://2130706433/abc",
            "https://0x7f000001/abc",
            "https://intranet/abc",
            "https://user:secret@push.example/abc",
            "https://push.example/abc#x",
            "ftp://push.example/abc",
            "file:///etc/passwd",
            "https://",
            "abc",
        ] {
            assert!(judge(text, false).is_none(), "{text}");
        }
        assert!(judge(&format!("https://push.example/{}", "a".repeat(2_000)), false).is_none());
        assert!(judge("http://localhost:4000/push", true).is_some());
        assert!(judge("http://127.0.0.1:4000/push", true).is_some());
        assert!(judge("http://10.0.0.1/push", true).is_none());
        assert!(judge("http://push.example/push", true).is_none());
    }

    #[test]
    fn private_and_special_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
            "::7f00:1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "203.0.114.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_resolves_to_nothing() {
        let inside = PublicAddresses { loopback: false };
        assert!(inside.resolve("localhost".parse().unwrap()).await.is_err());
        let demo = PublicAddresses { loopback: true };
        assert!(demo.resolve("localhost".parse().unwrap()).await.unwrap().count() > 0);
    }
}
