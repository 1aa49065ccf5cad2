//! RD Gateway: the HTTP requests that open its tunnels, in clear or decrypted bytes. [MS-TSGU] 2.2.3, 3.3
//!
//! Recognises the requests and the status of answers, and reads packet headers of the tunnel; nothing of what
//! the tunnel carries.

use nom::bytes::streaming::take;
use nom::number::streaming::{le_u16, le_u32};
use nom::{Err, Needed};

use super::wire::{Expected, Malformed, Parse, length, text, wire_code};

/// Longest head of request or answer that is waited for.
const LONGEST_HEAD: usize = 16 * 1024;

/// How a client talks to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// `RDG_OUT_DATA`: server to client, or both ways after a websocket upgrade.
    HttpOut,
    /// `RDG_IN_DATA`: client to server.
    HttpIn,
    /// `RPC_OUT_DATA` of RPC over HTTP.
    RpcOut,
    /// `RPC_IN_DATA` of RPC over HTTP.
    RpcIn,
    /// `POST /KdcProxy`: Kerberos by way of the gateway.
    KdcProxy,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it opens.
    pub tunnel: Tunnel,
    /// The path.
    pub path: String,
    /// Whether it asks for a websocket.
    pub websocket: bool,
    /// `RDG-Connection-Id`, the same for both halves of a tunnel.
    pub connection_id: Option<String>,
    /// `RDG-Correlation-Id`, also found in the gateway's log.
    pub correlation_id: Option<String>,
    /// Scheme of `Authorization`: `NTLM`, `Negotiate`, `Basic`, `PAA`.
    pub authorization: Option<String>,
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 101: the websocket is open; 200; 401: credentials asked for; 503.
    pub status: u16,
    /// The words after it.
    pub reason: String,
    /// Schemes of `WWW-Authenticate`.
    pub authenticate: Vec<String>,
}

wire_code! {
    /// Type of a tunnel packet. [MS-TSGU] 2.2.5.3.3
    pub struct PacketType(u16) {
        /// Handshake request.
        HANDSHAKE_REQUEST = 0x01;
        /// Handshake response.
        HANDSHAKE_RESPONSE = 0x02;
        /// Extended authentication.
        EXTENDED_AUTH_MSG = 0x03;
        /// Tunnel create: checked against the connection authorization policies.
        TUNNEL_CREATE = 0x04;
        /// Tunnel response.
        TUNNEL_RESPONSE = 0x05;
        /// Tunnel authorization.
        TUNNEL_AUTH = 0x06;
        /// Its answer.
        TUNNEL_AUTH_RESPONSE = 0x07;
        /// Channel create: checked against the resource authorization policies.
        CHANNEL_CREATE = 0x08;
        /// Channel response.
        CHANNEL_RESPONSE = 0x09;
        /// Data.
        DATA = 0x0A;
        /// Service message for the user.
        SERVICE_MESSAGE = 0x0B;
        /// The client must authenticate again.
        REAUTH_MESSAGE = 0x0C;
        /// Keep-alive.
        KEEPALIVE = 0x0D;
        /// Channel close.
        CLOSE_CHANNEL = 0x10;
        /// Its answer.
        CLOSE_CHANNEL_RESPONSE = 0x11;
    }
}

/// One tunnel packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Which.
    pub kind: PacketType,
    /// Its error code, of the responses that begin with one: an HRESULT such as `0x800759DB` (23003).
    pub error_code: Option<u32>,
    /// What follows the header.
    pub body: &'a [u8],
}

/// Whether a stream begins with the method of a gateway request, as far as it is there. At least four bytes.
pub fn looks_like_gateway(bytes: &[u8]) -> bool {
    let agrees = |method: &[u8]| bytes.iter().zip(method).all(|(a, b)| a == b);
    bytes.len() >= 4 && METHODS.iter().any(|(method, _)| agrees(method))
}

/// Reads the head of a request. Fails at once on any method that is not the gateway's.
pub fn request(input: &[u8]) -> Parse<'_, Request> {
    let known = |(method, _): &&(&[u8], Tunnel)| input.iter().zip(*method).all(|(a, b)| a == b);
    let Some((method, tunnel)) = METHODS.iter().find(known) else {
        let expected = Expected::Words("a method of RD Gateway");
        return Malformed::new("HTTP method", 0, expected, length(input)).stop();
    };
    let (rest, head) = head(input)?;
    let path = head.lines().next().unwrap_or_default().split(' ').nth(1).unwrap_or_default();
    if *tunnel == Tunnel::KdcProxy && !path.to_ascii_lowercase().starts_with("/kdcproxy") {
        let expected = Expected::Words("the path /KdcProxy");
        return Malformed::new("HTTP path", method.len(), expected, length(path.as_bytes())).stop();
    }
    let request = Request {
        tunnel: *tunnel,
        path: path.to_owned(),
        websocket: fields(&head, "Upgrade").any(|value| value.eq_ignore_ascii_case("websocket")),
        connection_id: fields(&head, "RDG-Connection-Id").next().map(str::to_owned),
        correlation_id: fields(&head, "RDG-Correlation-Id").next().map(str::to_owned),
        authorization: fields(&head, "Authorization").next().map(scheme),
    };
    Ok((rest, request))
}

/// Reads the head of an answer of HTTP/1.
pub fn response(input: &[u8]) -> Parse<'_, Response> {
    if !input.iter().zip(b"HTTP/1.").all(|(a, b)| a == b) {
        return Malformed::new("HTTP answer", 0, Expected::Words("HTTP/1."), length(input)).stop();
    }
    let (rest, head) = head(input)?;
    let mut words = head.lines().next().unwrap_or_default().splitn(3, ' ').skip(1);
    let status = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let reason = words.next().unwrap_or_default().to_owned();
    let authenticate = fields(&head, "WWW-Authenticate").map(scheme).collect();
    Ok((rest, Response { status, reason, authenticate }))
}

/// Reads one packet inside an HTTP tunnel. [MS-TSGU] 2.2.10.9
pub fn packet(input: &[u8]) -> Parse<'_, Packet<'_>> {
    let (rest, kind) = le_u16(input)?;
    let (rest, _reserved) = le_u16(rest)?;
    let (rest, size) = le_u32(rest)?;
    let Some(size) = size.checked_sub(8).filter(|size| *size <= 0x0010_0000) else {
        return Malformed::new("gateway packet length", 4, Expected::Words("8 to 1 MiB"), size.into()).stop();
    };
    let (rest, body) = take(size)(rest)?;
    let kind = PacketType(kind);
    let code_at = match kind {
        PacketType::HANDSHAKE_RESPONSE | PacketType::TUNNEL_AUTH_RESPONSE | PacketType::CHANNEL_RESPONSE => {
            Some(0)
        }
        PacketType::TUNNEL_RESPONSE => Some(2), // after serverVersion
        PacketType::CLOSE_CHANNEL | PacketType::CLOSE_CHANNEL_RESPONSE => Some(0),
        _ => None,
    };
    let code =
        code_at.and_then(|at| body.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)));
    Ok((rest, Packet { kind, error_code: code, body }))
}

/// Methods with the blank that ends them.
const METHODS: &[(&[u8], Tunnel)] = &[
    (b"RDG_OUT_DATA ", Tunnel::HttpOut),
    (b"RDG_IN_DATA ", Tunnel::HttpIn),
    (b"RPC_OUT_DATA ", Tunnel::RpcOut),
    (b"RPC_IN_DATA ", Tunnel::RpcIn),
    (b"POST /KdcProxy", Tunnel::KdcProxy),
];

/// Everything up to the empty line.
fn head(input: &[u8]) -> Parse<'_, String> {
    let reach = input.get(..LONGEST_HEAD).unwrap_or(input);
    match reach.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(end) => {
            let (head, rest) = input.split_at(end);
            Ok((rest.get(4..).unwrap_or_default(), text(head)))
        }
        None if input.len() < LONGEST_HEAD => Err(Err::Incomplete(Needed::Unknown)),
        None => Malformed::new("HTTP head", 0, Expected::AtMost(16 * 1024), length(input)).stop(),
    }
}

/// The values of a header field, which may stand several times.
fn fields<'a>(head: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    head.lines().skip(1).filter_map(move |line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn scheme(value: &str) -> String {
    value.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] =
        b"RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHost: gw\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nRDG-Connection-Id: {A}\r\nAuthorization: NTLM TlRMTVNT\r\n\r\nX";

    #[test]
    fn upgrade_request() {
        let (rest, found) = request(REQUEST).unwrap();
        assert_eq!((rest, found.tunnel, found.websocket), (b"X".as_slice(), Tunnel::HttpOut, true));
        assert_eq!(found.path, "/remoteDesktopGateway/");
        assert_eq!(
            (found.connection_id.as_deref(), found.authorization.as_deref()),
            (Some("{A}"), Some("NTLM"))
        );
        assert!(matches!(request(&REQUEST[..60]), Err(Err::Incomplete(_))));
        assert!(looks_like_gateway(&REQUEST[..4]) && looks_like_gateway(b"RPC_IN_DATA /rpc"));
        assert!(!looks_like_gateway(b"GET / HTTP/1.1") && !looks_like_gateway(b"RDG"));
        assert!(matches!(request(b"GET / HTTP/1.1\r\n\r\n"), Err(Err::Error(_))));
    }

    #[test]
    fn answers() {
        let bytes =
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nwww-authenticate: NTLM TlR\r\n\r\n";
        let (_, found) = response(bytes).unwrap();
        assert_eq!((found.status, found.reason.as_str()), (401, "Unauthorized"));
        assert_eq!(found.authenticate, ["Negotiate", "NTLM"]);
    }

    #[test]
    fn endless_head_is_given_up() {
        let mut bytes = b"RDG_IN_DATA ".to_vec();
        bytes.resize(LONGEST_HEAD + 1, b'A');
        assert!(matches!(request(&bytes), Err(Err::Error(_))));
    }

    #[test]
    fn tunnel_refused_by_policy() {
        let bytes = [
            0x05, 0x00, 0x00, 0x00, 0x12, 0x00, 0x00, 0x00, // tunnel response, 18 bytes
            0x01, 0x00, // server version
            0xDB, 0x59, 0x07, 0x80, // 0x800759DB: connection authorization policy
            0x00, 0x00, 0x00, 0x00, // fields present, reserved
        ];
        let (rest, found) = packet(&bytes).unwrap();
        assert!(rest.is_empty());
        assert_eq!((found.kind, found.error_code), (PacketType::TUNNEL_RESPONSE, Some(0x8007_59DB)));
        assert!(matches!(packet(&[5, 0, 0, 0, 7, 0, 0, 0]), Err(Err::Error(_))));
    }
}
