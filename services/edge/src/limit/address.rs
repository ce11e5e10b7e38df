//! Which address a client has when proxies stand in between.
//!
//! Invariant: what an untrusted party wrote into `X-Forwarded-For` is never believed. Everyone may write the header;
//! only what our own proxies appended at its end is known to be true.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// The address of the client: of the TCP peer, or, if that is a trusted proxy, the last address of the forwarding
/// chain that is not itself a trusted proxy.
///
/// `forwarded` are the values of all `X-Forwarded-For` headers in their order. The chain is read from its end; reading
/// stops at an entry that is no address, and what was last found good is taken. If the whole chain is trusted, its
/// first address is the client.
#[must_use]
pub fn client_address<'a>(
    peer: SocketAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut client = peer.ip().to_canonical();
    let mut chain = forwarded.rev().flat_map(|value| value.rsplit(','));
    while is_trusted(client, trusted) {
        match chain.next().and_then(|entry| parse(entry.trim())) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1` or `[2001:db8::1]:567`: proxies differ in whether they add the port.
fn parse(entry: &str) -> Option<IpAddr> {
    let address = entry
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|_| {
            entry
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
        });
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_address(peer.parse().unwrap(), forwarded.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn the_header_of_an_untrusted_peer_is_ignored() {
        assert_eq!(client("203.0.113.9:4000", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("203.0.113.9:4000", &[]), "203.0.113.9");
    }

    #[test]
    fn trusted_hops_are_passed_from_right_to_left() {
        assert_eq!(client("10.0.0.1:4000", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("10.0.0.1:4000", &["198.51.100.1, 10.0.0.2,10.0.0.3"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("10.0.0.1:4000", &["198.51.100.1", "10.0.0.2"]),
            "198.51.100.1"
        );
        assert_eq!(client("[fd00::1]:4000", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn what_a_client_wrote_in_front_is_not_believed() {
        assert_eq!(
            client("10.0.0.1:4000", &["10.9.9.9, 127.0.0.1, 198.51.100.1"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("10.0.0.1:4000", &["1.1.1.1", "198.51.100.1, 10.0.0.2"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn an_unreadable_entry_stops_the_walk() {
        assert_eq!(
            client("10.0.0.1:4000", &["198.51.100.1, unknown"]),
            "10.0.0.1"
        );
        assert_eq!(
            client("10.0.0.1:4000", &["198.51.100.1, _hidden, 10.0.0.2"]),
            "10.0.0.2"
        );
        assert_eq!(client("10.0.0.1:4000", &[""]), "10.0.0.1");
    }

    #[test]
    fn a_chain_of_trusted_hops_gives_its_first() {
        assert_eq!(client("10.0.0.1:4000", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn ports_and_mapped_addresses_are_taken_off() {
        assert_eq!(
            client("[::ffff:10.0.0.1]:4000", &["198.51.100.1:5000"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("10.0.0.1:4000", &["[2001:db8::1]:5000"]),
            "2001:db8::1"
        );
        assert_eq!(client("10.0.0.1:4000", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(
            client("10.0.0.1:4000", &["::ffff:198.51.100.1"]),
            "198.51.100.1"
        );
    }
}
