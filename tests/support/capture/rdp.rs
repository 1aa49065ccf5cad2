//! The clear messages at the start of an RDP connection: TPKT, X.224, negotiation. [MS-RDPBCGR] 2.2.1.1, 2.2.1.2.
//!
//! Bytes only; who sends them and when stands in the shorthand.

/// What a connection request says.
pub struct Request<'a> {
    /// Text after `Cookie: mstshash=`, none for no line.
    pub cookie: Option<&'a str>,
    /// A load balancer's token after `Cookie: msts=`, instead of a name.
    pub token: Option<std::net::SocketAddrV4>,
    /// Flags and requestedProtocols; none for a request without RDP_NEG_REQ.
    pub negotiation: Option<(u8, u32)>,
    /// rdpCorrelationInfo.
    pub correlation: Option<[u8; 16]>,
}

/// X.224 Connection Request, [MS-RDPBCGR] 2.2.1.1.
pub fn connection_request(request: &Request<'_>) -> Vec<u8> {
    let mut variable = Vec::new();
    if let Some(name) = request.cookie {
        variable.extend_from_slice(format!("Cookie: mstshash={name}\r\n").as_bytes());
    }
    if let Some(to) = request.token {
        // Address and port as the decimal of little-endian numbers.
        let (ip, port) = (u32::from_le_bytes(to.ip().octets()), to.port().swap_bytes());
        variable.extend_from_slice(format!("Cookie: msts={ip}.{port}.0000\r\n").as_bytes());
    }
    if let Some((flags, protocols)) = request.negotiation {
        let flags = if request.correlation.is_some() { flags | 0x08 } else { flags };
        variable.extend_from_slice(&[1, flags, 8, 0]);
        variable.extend_from_slice(&protocols.to_le_bytes());
    }
    if let Some(id) = request.correlation {
        variable.extend_from_slice(&[6, 0, 0x24, 0]);
        variable.extend_from_slice(&id);
        variable.extend_from_slice(&[0; 16]);
    }
    tpdu(0xe0, [0, 0], &variable)
}

/// X.224 Connection Confirm with RDP_NEG_RSP, [MS-RDPBCGR] 2.2.1.2.1.
pub fn negotiation_response(flags: u8, selected: u32) -> Vec<u8> {
    tpdu(0xd0, [0x12, 0x34], &[&[2, flags, 8, 0][..], &selected.to_le_bytes()].concat())
}

/// X.224 Connection Confirm with RDP_NEG_FAILURE, [MS-RDPBCGR] 2.2.1.2.2.
pub fn negotiation_failure(code: u32) -> Vec<u8> {
    tpdu(0xd0, [0x12, 0x34], &[&[3, 0, 8, 0][..], &code.to_le_bytes()].concat())
}

/// X.224 Connection Confirm of a server that does not negotiate.
pub fn bare_confirm() -> Vec<u8> {
    tpdu(0xd0, [0x12, 0x34], &[])
}

fn tpdu(code: u8, source: [u8; 2], variable: &[u8]) -> Vec<u8> {
    let mut out = vec![3, 0];
    out.extend_from_slice(&(variable.len() as u16 + 11).to_be_bytes());
    out.extend_from_slice(&[variable.len() as u8 + 6, code, 0, 0, source[0], source[1], 0]);
    out.extend_from_slice(variable);
    out
}

#[test]
fn sizes_are_those_of_mstsc() {
    // protocol.md: a CR of 47 bytes with a name of nine characters, a CC of 19 bytes.
    let request =
        Request { cookie: Some("Administr"), token: None, negotiation: Some((0, 0x0b)), correlation: None };
    let bytes = connection_request(&request);
    assert_eq!(bytes.len(), 47);
    assert_eq!(bytes[..6], [3, 0, 0, 47, 42, 0xe0]);
    assert_eq!(negotiation_response(0x1f, 8).len(), 19);
    assert_eq!(negotiation_failure(5)[11..], [3, 0, 8, 0, 5, 0, 0, 0]);
}
