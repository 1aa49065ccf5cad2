//! X.224 class 0 TPDUs: what a TPKT holds (ITU-T X.224 section 13).
//!
//! Reads the fixed part and hands on the variable part; what RDP puts there is read by `nego`, what follows a
//! DT header by `mcs`.

use nom::number::streaming::{be_u16, u8};

use super::wire::{Expected, Malformed, Parse, length, whole, wire_code};

wire_code! {
    /// The TPDU code: the high nibble of the second byte, low nibble cleared. X.224 13.2.2.1
    pub struct TpduCode(u8) {
        /// Connection request: the client's first message.
        CONNECTION_REQUEST = 0xE0 "CR";
        /// Connection confirm: the server's answer.
        CONNECTION_CONFIRM = 0xD0 "CC";
        /// Disconnect request: a refusal with a reason.
        DISCONNECT_REQUEST = 0x80 "DR";
        /// Disconnect confirm.
        DISCONNECT_CONFIRM = 0xC0 "DC";
        /// Data.
        DATA = 0xF0 "DT";
        /// TPDU error.
        ERROR = 0x70 "ER";
    }
}

impl TpduCode {
    /// The code of a TPDU's second byte.
    pub const fn of(byte: u8) -> Self {
        Self(byte & 0xF0)
    }
}

wire_code! {
    /// Why a DR refuses. X.224 13.5.3 d
    pub struct DisconnectReason(u8) {
        /// Reason not specified.
        NOT_SPECIFIED = 0 "reason not specified";
        /// Congestion at the TSAP.
        CONGESTION = 1 "congestion at the service access point";
        /// No session entity attached to the TSAP.
        NOT_ATTACHED = 2 "session entity not attached";
        /// Address unknown.
        ADDRESS_UNKNOWN = 3 "address unknown";
        /// Normal disconnect by the session entity.
        NORMAL = 128 "normal disconnect";
        /// Remote congestion at connect time.
        REMOTE_CONGESTION = 129 "remote congestion";
        /// Connection negotiation failed.
        NEGOTIATION_FAILED = 130 "connection negotiation failed";
        /// Duplicate source reference.
        DUPLICATE_SOURCE = 131 "duplicate source reference";
        /// Mismatched references.
        MISMATCHED_REFERENCES = 132 "mismatched references";
        /// Protocol error.
        PROTOCOL_ERROR = 133 "protocol error";
        /// Reference overflow.
        REFERENCE_OVERFLOW = 135 "reference overflow";
        /// Connection request refused on this network connection.
        REFUSED = 136 "connection request refused";
        /// Header or parameter length invalid.
        INVALID_LENGTH = 138 "header or parameter length invalid";
    }
}

/// One TPDU. Fields that its code does not have, or that are cut off, are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tpdu<'a> {
    /// LI: bytes of the header that follow the LI byte itself.
    pub length_indicator: u8,
    /// The code.
    pub code: TpduCode,
    /// Low nibble of the code byte (credit), 0 in class 0.
    pub low: u8,
    /// Destination reference: of CR, CC, DR, DC and ER. 0 in a CR.
    pub dst_ref: Option<u16>,
    /// Source reference: of CR, CC, DR and DC. `0x1234` in the CC of Windows.
    pub src_ref: Option<u16>,
    /// Class and options (CR, CC), reason (DR) or reject cause (ER).
    pub detail: Option<u8>,
    /// End of TSDU mark of a DT.
    pub end_of_data: Option<bool>,
    /// The rest of the header, by LI: cookie and negotiation of CR and CC.
    pub variable: &'a [u8],
    /// What follows the header: the user data of a DT.
    pub data: &'a [u8],
    /// Where the TPDU contradicts itself or the standard.
    pub oddity: Option<Malformed>,
}

impl Tpdu<'_> {
    /// The reason of a disconnect request.
    pub fn disconnect_reason(&self) -> Option<DisconnectReason> {
        self.detail.filter(|_| self.code == TpduCode::DISCONNECT_REQUEST).map(DisconnectReason)
    }
}

/// Reads the payload of a TPKT. Fails only where LI or code byte are missing.
pub fn tpdu(payload: &[u8]) -> Result<Tpdu<'_>, Malformed> {
    let (length_indicator, first, after) = match payload {
        [li, code, rest @ ..] => (*li, *code, rest),
        _ => {
            return Err(Malformed::new("X.224 header", payload.len(), Expected::AtLeast(2), length(payload)));
        }
    };
    let mut oddity = None;
    let size = usize::from(length_indicator).checked_sub(1).filter(|size| *size <= after.len());
    let (header, data) = size.and_then(|size| after.split_at_checked(size)).unwrap_or_else(|| {
        let most = length(payload).saturating_sub(1);
        oddity = Some(Malformed::new(
            "X.224 length indicator",
            0,
            Expected::AtMost(most),
            length_indicator.into(),
        ));
        (after, &[])
    });
    let code = TpduCode::of(first);
    if code.name().is_none() {
        oddity.get_or_insert(Malformed::new(
            "X.224 code",
            1,
            Expected::Words("a known TPDU code"),
            first.into(),
        ));
    }
    let mut tpdu = Tpdu {
        length_indicator,
        code,
        low: first & 0x0F,
        dst_ref: None,
        src_ref: None,
        detail: None,
        end_of_data: None,
        variable: header,
        data,
        oddity,
    };
    let fixed = match code {
        TpduCode::DATA => data_header(header, &mut tpdu),
        _ => references(header, &mut tpdu),
    };
    if let Err(malformed) = whole("X.224 header", header, fixed) {
        tpdu.oddity.get_or_insert(malformed.inside(2));
    }
    Ok(tpdu)
}

/// The fixed part of all but DT. What was read before a cut stays.
fn references<'a>(header: &'a [u8], tpdu: &mut Tpdu<'a>) -> Parse<'a, ()> {
    let (rest, dst_ref) = be_u16(header)?;
    (tpdu.dst_ref, tpdu.variable) = (Some(dst_ref), rest);
    if tpdu.code != TpduCode::ERROR {
        let (rest, src_ref) = be_u16(rest)?;
        (tpdu.src_ref, tpdu.variable) = (Some(src_ref), rest);
    }
    if tpdu.code != TpduCode::DISCONNECT_CONFIRM {
        let (rest, detail) = u8(tpdu.variable)?;
        (tpdu.detail, tpdu.variable) = (Some(detail), rest);
    }
    Ok((tpdu.variable, ()))
}

/// The fixed part of DT: number and end-of-TSDU mark.
fn data_header<'a>(header: &'a [u8], tpdu: &mut Tpdu<'a>) -> Parse<'a, ()> {
    let (rest, number) = u8(header)?;
    (tpdu.end_of_data, tpdu.variable) = (Some(number & 0x80 != 0), rest);
    Ok((rest, ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_confirm_of_windows() {
        let bytes = [
            0x0E, // LI
            0xD0, // CC
            0x00, 0x00, // dst ref
            0x12, 0x34, // src ref
            0x00, // class 0
            0x02, 0x1F, 0x08, 0x00, 0x08, 0x00, 0x00, 0x00, // negotiation response
        ];
        let tpdu = tpdu(&bytes).unwrap();
        assert_eq!(
            (tpdu.code, tpdu.dst_ref, tpdu.src_ref),
            (TpduCode::CONNECTION_CONFIRM, Some(0), Some(0x1234))
        );
        assert_eq!((tpdu.detail, tpdu.variable.len(), tpdu.data.len()), (Some(0), 8, 0));
        assert_eq!(tpdu.oddity, None);
    }

    #[test]
    fn data_leaves_the_user_data() {
        let tpdu = tpdu(&[0x02, 0xF0, 0x80, 0x28]).unwrap();
        assert_eq!((tpdu.code, tpdu.end_of_data, tpdu.data), (TpduCode::DATA, Some(true), [0x28].as_slice()));
        assert_eq!(tpdu.oddity, None);
    }

    #[test]
    fn disconnect_request_names_its_reason() {
        let tpdu = tpdu(&[0x06, 0x80, 0x00, 0x00, 0x12, 0x34, 0x88]).unwrap();
        assert_eq!(tpdu.disconnect_reason(), Some(DisconnectReason::REFUSED));
    }

    #[test]
    fn wrong_length_indicator_is_odd_not_fatal() {
        let tpdu = tpdu(&[0x40, 0xE0, 0x00, 0x00, 0x00, 0x01, 0x00, 0xAA]).unwrap();
        assert_eq!((tpdu.src_ref, tpdu.variable), (Some(1), [0xAA].as_slice()));
        assert_eq!(
            tpdu.oddity.map(|oddity| (oddity.what, oddity.got)),
            Some(("X.224 length indicator", 0x40))
        );
    }

    #[test]
    fn cut_header_keeps_what_was_read() {
        let tpdu = tpdu(&[0x03, 0xD0, 0x00, 0x07]).unwrap();
        assert_eq!((tpdu.dst_ref, tpdu.src_ref), (Some(7), None));
        assert!(tpdu.oddity.is_some());
        assert!(super::tpdu(&[0x02]).is_err());
    }
}
