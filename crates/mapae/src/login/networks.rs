//! From where a browser comes: the operator's table of networks, and the address behind a proxy of ours.

use std::net::IpAddr;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::verification::Network;

/// A network with the name that phones show as the place of a browser: `10.20.0.0/16=정부예시청사`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamedNetwork {
    network: Network,
    name: String,
}

impl TryFrom<String> for NamedNetwork {
    type Error = String;

    fn try_from(text: String) -> Result<NamedNetwork, String> {
        let refused = || format!("{text:?} is no network with a name, such as 10.20.0.0/16=정부예시청사");
        let (network, name) = text.split_once('=').ok_or_else(refused)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 40 || name.chars().any(char::is_control) {
            return Err(refused());
        }
        let network = Network::try_from(network.trim().to_owned())?;
        Ok(NamedNetwork { network, name: name.to_owned() })
    }
}

impl From<NamedNetwork> for String {
    fn from(named: NamedNetwork) -> String {
        format!("{}={}", String::from(named.network), named.name)
    }
}

impl NamedNetwork {
    /// The name of the place.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The number of the first network that holds `address`.
pub(super) fn number(networks: &[NamedNetwork], address: IpAddr) -> Option<u8> {
    let at = networks.iter().position(|named| named.network.holds(address))?;
    u8::try_from(at).ok()
}

/// Whose request it is: the other end of the connection, or, where that is a proxy of ours, whom it says it speaks for.
/// Of `X-Forwarded-For` only the last entry counts: the proxy itself wrote it, the ones before anybody may have.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    if !proxies.iter().any(|proxy| proxy.holds(peer)) {
        return peer;
    }
    let last = headers.get_all("x-forwarded-for").iter().next_back();
    let entry = last.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    entry.and_then(|entry| entry.trim().parse().ok()).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> NamedNetwork {
        NamedNetwork::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_network_has_a_name_and_is_found_by_an_address() {
        let table = [named("10.20.0.0/16=정부예시청사"), named("fd00::/8=본관")];
        assert_eq!(number(&table, "10.20.3.4".parse().unwrap()), Some(0));
        assert_eq!(number(&table, "fd00::1".parse().unwrap()), Some(1));
        assert_eq!(number(&table, "10.21.0.1".parse().unwrap()), None);
        assert_eq!(String::from(table[0].clone()), "10.20.0.0/16=정부예시청사");
        for text in ["10.20.0.0/16", "10.20.0.0/16=", "x=y", "10.0.0.0/8=a\nb", ""] {
            assert!(NamedNetwork::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_proxy_of_ours_speaks_for_others_and_only_by_its_own_entry() {
        let proxies = [Network::try_from("192.0.2.0/24".to_owned()).unwrap()];
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "10.20.0.1, 203.0.113.9".parse().unwrap());
        let stranger: IpAddr = "198.51.100.7".parse().unwrap();
        assert_eq!(address(stranger, &headers, &proxies), stranger, "anybody can write that header");
        let proxy: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(address(proxy, &headers, &proxies), "203.0.113.9".parse::<IpAddr>().unwrap());
        headers.append("x-forwarded-for", "nobody".parse().unwrap());
        assert_eq!(address(proxy, &headers, &proxies), proxy);
        assert_eq!(address(proxy, &HeaderMap::new(), &proxies), proxy);
    }
}
