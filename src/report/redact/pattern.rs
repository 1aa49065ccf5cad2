//! What tells who or where by its form alone: IP addresses, hardware addresses, security identifiers, fingerprints of
//! certificates.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Key, What};

/// The text with a pseudonym for each of them.
pub(super) fn replaced(text: &str, key: &mut Key) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let start = rest.find(is_part).unwrap_or(rest.len());
        let (plain, from) = rest.split_at(start);
        out.push_str(plain);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (token, after) = from.split_at(end);
        out.push_str(&token_replaced(token, key));
        rest = after;
    }
    out
}

/// Letters of addresses and identifiers.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '%')
}

fn token_replaced(token: &str, key: &mut Key) -> String {
    if let Some(replaced) = whole(token, key) {
        return replaced;
    }
    // `address:port`, and an address at the end of a sentence or clause.
    let bare = token.trim_end_matches(['.', ':', '-']);
    if bare.len() < token.len()
        && let Some(replaced) = whole(bare, key)
    {
        return format!("{replaced}{}", token.get(bare.len()..).unwrap_or_default());
    }
    for separator in [':', '-', '%'] {
        if let Some((address, rest)) = token.rsplit_once(separator)
            && address.contains(['.', ':'])
            && let Some(replaced) = whole(address, key)
        {
            return format!("{replaced}{separator}{}", token_replaced(rest, key));
        }
    }
    token.to_owned()
}

fn whole(token: &str, key: &mut Key) -> Option<String> {
    if let Ok(ip) = token.parse::<IpAddr>() {
        return Some(if tells(ip) { key.address(ip.to_canonical()) } else { token.to_owned() });
    }
    let none = BTreeSet::new();
    if is_hardware(token) {
        return Some(key.pseudonym("hardware", &token.replace('-', ":"), &none));
    }
    // SHA-1 and SHA-256.
    if matches!(token.len(), 40 | 64) && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(key.pseudonym(What::Thumbprint.word(), token, &none));
    }
    // S-1-5-21 and three numbers are a domain or computer; the well-known ones are the same everywhere.
    token.starts_with("S-1-5-21-").then(|| key.pseudonym("sid", token, &none))
}

/// Whether the text is an address, or one with a port.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok()
}

/// Whether the text is a number, a code or an identifier made of them.
pub(super) fn is_number(text: &str) -> bool {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    text.chars().all(|c| !c.is_alphabetic())
        || hex.is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()))
        || text.starts_with('{') && text.ends_with('}')
}

/// Nobody's and everybody's addresses tell nothing.
fn tells(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast() && !broadcast
}

fn is_hardware(token: &str) -> bool {
    let of = |separator: char| {
        let mut parts = token.split(separator);
        let all = parts.clone().count() == 6;
        all && parts.all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()))
    };
    of(':') || of('-')
}
