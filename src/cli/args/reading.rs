//! What the user says of how inputs are read, and which incidents are wanted: the same in every command.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use rdpscan::Options;
use rdpscan::base::{Timestamp, Zone};

/// How inputs are read.
#[derive(Clone, Debug, clap::Args)]
pub struct Reading {
    /// A server port to take for RDP besides 3389. May be repeated.
    #[arg(long = "port", value_name = "N", value_parser = clap::value_parser!(u16).range(1..),
        help_heading = "Reading")]
    pub ports: Vec<u16>,

    /// Read files into memory instead of mapping them: for network shares and removable media.
    #[arg(long, help_heading = "Reading")]
    pub no_mmap: bool,

    /// Threads to work with [default: one per core]. Never changes the result.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Reading")]
    pub threads: Option<u16>,
}

impl Reading {
    /// The options of an analysis of these paths.
    pub fn options(&self, paths: &[PathBuf]) -> Options {
        Options {
            inputs: paths.to_vec(),
            ports: self.ports.clone(),
            no_mmap: self.no_mmap,
            threads: self.threads.map(usize::from),
            ..Options::default()
        }
    }
}

/// Which incidents.
#[derive(Clone, Debug, clap::Args)]
pub struct Selection {
    /// Only incidents of this client.
    #[arg(long, value_name = "IP|NAME", value_parser = party, help_heading = "Selection")]
    pub client: Option<String>,

    /// Only incidents with this server.
    #[arg(long, value_name = "IP[:PORT]", value_parser = party, help_heading = "Selection")]
    pub server: Option<String>,

    /// Only incidents of this user.
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    pub user: Option<String>,

    /// Only incidents around this time, such as 2024-05-06T20:10:10+02:00; without an offset, of the zone of --tz.
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    pub around: Option<Moment>,
}

impl Selection {
    /// The same analysis, of these incidents only.
    pub fn restrict(&self, options: Options, zone: &Zone) -> Options {
        Options {
            client: self.client.clone(),
            server: self.server.clone(),
            user: self.user.clone(),
            around: self.around.as_ref().map(|moment| moment.of(zone)),
            ..options
        }
    }
}

impl Selection {
    /// What to say if the time is one of the hour that comes twice when clocks are put back.
    pub fn doubt(&self, zone: &Zone) -> Option<String> {
        let Moment(text) = self.around.as_ref()?;
        let [first, second] = zone.twice(text)?;
        Some(format!("--around {text} comes twice in that zone: give {first} or {second}"))
    }
}

/// An address, with or without a port, or a name. What looks like an address must be one: a slip would select nothing.
fn party(text: &str) -> Result<String, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        // As reports write it: an IPv4 address in the clothes of IPv6 is an IPv4 address.
        return Ok(ip.to_canonical().to_string());
    }
    let is_address = text.parse::<SocketAddr>().is_ok();
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    let looks_like_one = host.contains(':') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_address || !text.is_empty() && !looks_like_one {
        Ok(text.to_owned())
    } else {
        Err("expected an address such as 192.0.2.10, 192.0.2.10:3389 or [2001:db8::1]:3389, or a name"
            .to_owned())
    }
}

/// A time as it was typed: what it means may depend on the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment(String);

impl Moment {
    /// When that is.
    pub fn of(&self, zone: &Zone) -> Timestamp {
        // Its form was checked. A zone may leave out an hour of a day; then UTC is near enough.
        zone.moment(&self.0).or_else(|| Zone::default().moment(&self.0)).unwrap_or_default()
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A date alone would be its midnight, which nobody means.
        let is_one = text.contains(':') && Zone::default().moment(text).is_some();
        let expected = "expected a time such as 2024-05-06T20:10:10Z or 2024-05-06T22:10:10+02:00";
        if is_one { Ok(Self(text.to_owned())) } else { Err(expected) }
    }
}
