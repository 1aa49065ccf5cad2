//! What speaks where RDP was expected: banners and greetings of other protocols.
//!
//! Only names what the first bytes of a stream show beyond doubt; TPKT and TLS are recognised elsewhere.

/// A protocol that is not RDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// Secure shell, either side.
    Ssh,
    /// A request of HTTP/1: a scanner, a browser, a proxy.
    HttpRequest,
    /// An answer of HTTP/1: a web server or proxy listens here.
    HttpResponse,
    /// Start of HTTP/2 without TLS.
    Http2,
    /// Remote framebuffer: VNC.
    Vnc,
    /// SMB, version 1 to 3, with its NetBIOS header.
    Smb,
    /// SMTP or FTP: a server that greets with 220.
    Greeting220,
    /// POP3 or IMAP.
    Mail,
    /// Telnet negotiation.
    Telnet,
    /// SOCKS version 4 request.
    Socks4,
    /// SOCKS version 5 greeting or answer.
    Socks5,
    /// MySQL or MariaDB server greeting.
    MySql,
}

impl Foreign {
    /// The name as a reader knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ssh => "SSH",
            Self::HttpRequest => "an HTTP request",
            Self::HttpResponse => "an HTTP answer",
            Self::Http2 => "HTTP/2",
            Self::Vnc => "VNC",
            Self::Smb => "SMB",
            Self::Greeting220 => "an SMTP or FTP greeting",
            Self::Mail => "a POP3 or IMAP greeting",
            Self::Telnet => "Telnet",
            Self::Socks4 => "SOCKS 4",
            Self::Socks5 => "SOCKS 5",
            Self::MySql => "MySQL",
        }
    }
}

/// Names the protocol that a stream begins with, if it is one of these.
pub fn foreign(bytes: &[u8]) -> Option<Foreign> {
    const TEXTS: &[(&[u8], Foreign)] = &[
        (b"SSH-", Foreign::Ssh),
        (b"RFB 0", Foreign::Vnc),
        (b"PRI * HTTP/2", Foreign::Http2),
        (b"HTTP/1.", Foreign::HttpResponse),
        (b"GET ", Foreign::HttpRequest),
        (b"HEAD ", Foreign::HttpRequest),
        (b"POST ", Foreign::HttpRequest),
        (b"PUT ", Foreign::HttpRequest),
        (b"OPTIONS ", Foreign::HttpRequest),
        (b"CONNECT ", Foreign::HttpRequest),
        (b"220 ", Foreign::Greeting220),
        (b"220-", Foreign::Greeting220),
        (b"+OK", Foreign::Mail),
        (b"* OK", Foreign::Mail),
    ];
    if let Some((_, found)) = TEXTS.iter().find(|(text, _)| bytes.starts_with(text)) {
        return Some(*found);
    }
    match bytes {
        [0, _, _, _, 0xFE | 0xFF, b'S', b'M', b'B', ..] => Some(Foreign::Smb),
        [0xFF, 0xFB..=0xFE, _, ..] => Some(Foreign::Telnet),
        // Greeting: count of methods, and just as many; answer: one method.
        [5, count, methods @ ..] if *count > 0 && methods.len() == usize::from(*count) => {
            Some(Foreign::Socks5)
        }
        [5, 0 | 1 | 2 | 0xFF] => Some(Foreign::Socks5),
        // Command, port, address, user ended by zero.
        [4, 1 | 2, _, _, _, _, _, _, .., 0] => Some(Foreign::Socks4),
        // Length, sequence 0, protocol 10, version text.
        [_, _, 0, 0, 0x0A, b'0'..=b'9', ..] => Some(Foreign::MySql),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings() {
        assert_eq!(foreign(b"SSH-2.0-OpenSSH_9.6\r\n"), Some(Foreign::Ssh));
        assert_eq!(foreign(b"GET / HTTP/1.1\r\n"), Some(Foreign::HttpRequest));
        assert_eq!(foreign(b"HTTP/1.1 400 Bad Request"), Some(Foreign::HttpResponse));
        assert_eq!(foreign(b"\x00\x00\x00\x2F\xFFSMB\x72"), Some(Foreign::Smb));
        assert_eq!(foreign(&[5, 1, 0]), Some(Foreign::Socks5));
        assert_eq!(foreign(&[5, 0]), Some(Foreign::Socks5));
    }

    #[test]
    fn rdp_is_not_foreign() {
        for bytes in [
            [0x03, 0x00, 0x00, 0x13, 0x0E, 0xE0].as_slice(),
            &[0x16, 0x03, 0x01, 0x01, 0x09, 0x01],
            b"RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1",
            &[0xC4, 0x05, 1, 2, 3],
            &[],
        ] {
            assert_eq!(foreign(bytes), None);
        }
    }
}
