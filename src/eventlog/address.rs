//! Addresses of clients in the forms that events write them.
//!
//! Only syntax: whether an address is the client or a translation of it is settled in `correlate`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The address of a client, with its port where the event gives one.
///
/// IPv4-mapped addresses are plain IPv4 here, and zones are dropped, so that addresses compare with those of
/// packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress {
    /// The address.
    pub ip: IpAddr,
    /// The port; never 0.
    pub port: Option<u16>,
}

impl ClientAddress {
    /// From an address and a port that stand in two fields.
    pub fn of(ip: &str, port: Option<u16>) -> Option<Self> {
        let mut address: Self = ip.parse().ok()?;
        address.port = port.filter(|port| *port != 0).or(address.port);
        Some(address)
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (ip, None) => write!(f, "{ip}"),
            (IpAddr::V4(ip), Some(port)) => write!(f, "{ip}:{port}"),
            (IpAddr::V6(ip), Some(port)) => write!(f, "[{ip}]:{port}"),
        }
    }
}

/// The text is no address, or says `LOCAL` or `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address")]
pub struct NotAnAddress;

impl FromStr for ClientAddress {
    type Err = NotAnAddress;

    /// Reads `v4`, `v4:port`, `[v4]:port` (RdpCoreTS 131 of UDP), `v6`, `[v6]:port` and `[v6%zone]:port`. The
    /// IPv6 forms of 131 were not found in any public log: all that are plausible are accepted.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim();
        let (ip, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((ip, "")) => (ip, None),
            Some((ip, port)) => (ip, Some(port.strip_prefix(':').ok_or(NotAnAddress)?)),
            None => match text.split_once(':') {
                // One colon parts IPv4 and port; more of them are IPv6 itself.
                Some((ip, port)) if !port.contains(':') => (ip, Some(port)),
                _ => (text, None),
            },
        };
        let bare = ip.split_once('%').map_or(ip, |(bare, _)| bare);
        let ip: IpAddr = bare.parse().map_err(|_| NotAnAddress)?;
        let port: Option<u16> = port.map(str::parse).transpose().map_err(|_| NotAnAddress)?;
        Ok(Self { ip: ip.to_canonical(), port: port.filter(|port| *port != 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        for (text, shown) in [
            ("10.0.2.17:57064", "10.0.2.17:57064"),
            ("[10.0.2.17]:56873", "10.0.2.17:56873"),
            ("43.228.99.228", "43.228.99.228"),
            ("[fe80::1]:50000", "[fe80::1]:50000"),
            ("[fe80::1%12]:50000", "[fe80::1]:50000"),
            ("fe80::80ac:4126:fa58:1b81", "fe80::80ac:4126:fa58:1b81"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("[::ffff:10.1.2.3]:3390", "10.1.2.3:3390"),
            ("[2001:db8::5]", "2001:db8::5"),
            (" 10.1.2.3:0 ", "10.1.2.3"),
        ] {
            let address: ClientAddress = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(address.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["", "-", "LOCAL", "host:3389", "10.0.0.1:99999", "[10.0.0.1", "[10.0.0.1]3389", "1:2:3"]
        {
            assert_eq!(text.parse::<ClientAddress>(), Err(NotAnAddress), "{text}");
        }
        assert_eq!(ClientAddress::of("-", Some(1)), None);
        assert_eq!(ClientAddress::of("10.0.0.1", Some(7)).unwrap().port, Some(7));
    }
}
