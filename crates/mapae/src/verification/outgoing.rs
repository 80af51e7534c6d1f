//! Calls to addresses that others name: webhooks of relying parties, status lists of other issuers. Only https, only public
//! addresses unless the configuration names a network, no redirects, bounded (SSRF). A demo may call this machine.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::notification::is_public;
use crate::operations::{Platform, limits, traces};

/// A network, written as an address and the bits that all its addresses share: `10.20.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Network, String> {
        let refused = || format!("{text:?} is no network, such as 10.20.0.0/16");
        let (address, bits) = text.split_once('/').ok_or_else(refused)?;
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let bits: u8 = bits.parse().map_err(|_| refused())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if (1..=most).contains(&bits) { Ok(Network { address, bits }) } else { Err(refused()) }
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        format!("{}/{}", network.address, network.bits)
    }
}

impl Network {
    /// Whether the address lies in this network.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let wide = |address: IpAddr| match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, true),
            IpAddr::V6(address) => (u128::from(address), false),
        };
        let ((ours, short), (theirs, other)) = (wide(self.address), wide(address.to_canonical()));
        short == other && (ours ^ theirs).leading_zeros() >= u32::from(self.bits)
    }
}

/// Whether a call may end at this address.
fn may_reach(address: IpAddr, networks: &[Network], demo: bool) -> bool {
    is_public(address)
        || (demo && address.is_loopback())
        || networks.iter().any(|network| network.holds(address))
}

/// The address to call, if it may be.
pub(crate) fn judge(platform: &Platform, text: &str) -> Option<Url> {
    allowed(text, &platform.config.verification.private_networks, platform.config.demo.enabled)
}

fn allowed(text: &str, networks: &[Network], demo: bool) -> Option<Url> {
    let url = openid::link::endpoint(text).ok()?;
    let reach = |address: IpAddr| may_reach(address, networks, demo);
    let inside = match url.host()? {
        Host::Domain("localhost") => demo,
        // A name with a dot: `printer` or `intranet` are names of the inside.
        Host::Domain(name) => name.trim_end_matches('.').contains('.'),
        Host::Ipv4(address) => reach(address.into()),
        Host::Ipv6(address) => reach(address.into()),
    };
    (inside && (url.scheme() == "https" || demo)).then_some(url)
}

/// Resolves names to addresses that may be reached: the name was judged, and may lead elsewhere by now.
struct Reachable {
    networks: Vec<Network>,
    demo: bool,
}

impl Resolve for Reachable {
    fn resolve(&self, name: Name) -> Resolving {
        let (networks, demo) = (self.networks.clone(), self.demo);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let reachable: Vec<SocketAddr> =
                found.filter(|found| may_reach(found.ip(), &networks, demo)).collect();
            if reachable.is_empty() {
                return Err("the name leads to no address that may be called".into());
            }
            Ok(Box::new(reachable.into_iter()) as Addrs)
        })
    }
}

/// The client for such calls: no redirect, no proxy, a time limit.
pub(crate) fn client(platform: &Platform) -> Result<&reqwest::Client, reqwest::Error> {
    let place = &platform.local.verification.outgoing;
    if let Some(client) = place.get() {
        return Ok(client);
    }
    let reachable = Reachable {
        networks: platform.config.verification.private_networks.clone(),
        demo: platform.config.demo.enabled,
    };
    let client = reqwest::Client::builder()
        .connect_timeout(limits::VERIFICATION_OUTGOING.duration())
        .timeout(limits::VERIFICATION_OUTGOING.duration())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(reachable))
        .user_agent(concat!("mapae/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(place.get_or_init(|| client))
}

/// Fetches at most `longest` bytes; `None` if the address is not allowed, does not answer 200, or says more.
pub(crate) async fn get(platform: &Platform, address: &str, accept: &str, longest: usize) -> Option<Vec<u8>> {
    let url = judge(platform, address)?;
    let request = client(platform).ok()?.get(url).header(http::header::ACCEPT, accept);
    let mut reply =
        traces::send("fetch", request).await.ok().filter(|reply| reply.status() == http::StatusCode::OK)?;
    let mut body = Vec::new();
    while let Some(piece) = reply.chunk().await.ok()? {
        if body.len().saturating_add(piece.len()) > longest {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn only_public_addresses_and_configured_networks_are_called() {
        for text in ["https://rp.example/hook", "https://rp.example:8443/hook?x=1", "https://8.8.8.8/"] {
            assert!(allowed(text, &[], false).is_some(), "{text}");
        }
        for text in [
            "http://rp.example/hook",
            "https://localhost/hook",
            "http://localhost:9000/hook",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.20.1.1/hook",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://intranet/hook",
            "https://user:secret@rp.example/",
            "https://rp.example/#x",
            "ftp://rp.example/",
            "file:///etc/passwd",
            "",
        ] {
            assert!(allowed(text, &[], false).is_none(), "{text}");
        }
        let inside = [network("10.20.0.0/16"), network("fd00::/8")];
        assert!(allowed("https://10.20.1.1/hook", &inside, false).is_some());
        assert!(allowed("https://[fd00::1]/", &inside, false).is_some());
        assert!(allowed("https://10.21.1.1/hook", &inside, false).is_none());
        assert!(allowed("http://10.20.1.1/hook", &inside, false).is_none(), "never without TLS");
        assert!(allowed("http://localhost:9000/hook", &[], true).is_some(), "a demo calls this machine");
        assert!(allowed("http://10.20.1.1/hook", &[], true).is_none());
    }

    #[test]
    fn networks_are_read_whole_and_written_as_read() {
        for text in ["10.20.0.0/16", "192.168.0.0/24", "fd00::/8", "10.1.2.3/32"] {
            assert_eq!(String::from(network(text)), text);
        }
        for text in ["10.0.0.0", "10.0.0.0/0", "10.0.0.0/33", "fd00::/129", "x/8", "10.0.0.0/8/8", ""] {
            assert!(Network::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(!network("10.0.0.0/8").holds("fd00::1".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_resolves_to_nothing() {
        let out = Reachable { networks: Vec::new(), demo: false };
        assert!(out.resolve("localhost".parse().unwrap()).await.is_err());
        let demo = Reachable { networks: Vec::new(), demo: true };
        assert!(demo.resolve("localhost".parse().unwrap()).await.unwrap().count() > 0);
    }
}
