//! MCS: what X.224 data carries, from Connect-Initial to the last disconnect ultimatum. T.125, [MS-RDPBCGR] 2.2.1.3
//! to 2.2.1.9, 2.2.2.3
//!
//! Reads the frame of each PDU and the settings that both sides exchange at the start. What a Send Data PDU
//! carries is read by `share`; it may be encrypted.

mod codes;
mod connect;
mod gcc;

use nom::number::streaming::{be_u16, u8};

use super::wire::{Malformed, Parse, cut, whole, wire_code};

pub use codes::{BlockType, ConnectionType, EarlyCapabilities, EncryptionLevel, EncryptionMethods};
pub use connect::{ConnectInitial, ConnectResponse};
pub use gcc::{ClientSettings, ServerSettings};

wire_code! {
    /// The choice of a DomainMCSPDU: the high six bits of its first byte. T.125 section 7, Part 11
    pub struct DomainChoice(u8) {
        /// Erect domain request.
        ERECT_DOMAIN_REQUEST = 1 "erectDomainRequest";
        /// Disconnect provider ultimatum: the orderly end.
        DISCONNECT_PROVIDER_ULTIMATUM = 8 "disconnectProviderUltimatum";
        /// Reject ultimatum: the peer did not understand a PDU.
        REJECT_MCS_PDU_ULTIMATUM = 9 "rejectMCSPDUUltimatum";
        /// Attach user request.
        ATTACH_USER_REQUEST = 10 "attachUserRequest";
        /// Attach user confirm.
        ATTACH_USER_CONFIRM = 11 "attachUserConfirm";
        /// Detach user request.
        DETACH_USER_REQUEST = 12 "detachUserRequest";
        /// Detach user indication.
        DETACH_USER_INDICATION = 13 "detachUserIndication";
        /// Channel join request.
        CHANNEL_JOIN_REQUEST = 14 "channelJoinRequest";
        /// Channel join confirm.
        CHANNEL_JOIN_CONFIRM = 15 "channelJoinConfirm";
        /// Data from the client.
        SEND_DATA_REQUEST = 25 "sendDataRequest";
        /// Data from the server.
        SEND_DATA_INDICATION = 26 "sendDataIndication";
    }
}

wire_code! {
    /// Why an ultimatum was given. T.125 section 7, Part 7: Reason
    pub struct DisconnectReason(u8) {
        /// The domain is disconnected.
        DOMAIN_DISCONNECTED = 0 "rn-domain-disconnected";
        /// The provider ends it: the server, in most ends that are not the user's.
        PROVIDER_INITIATED = 1 "rn-provider-initiated";
        /// A token was purged.
        TOKEN_PURGED = 2 "rn-token-purged";
        /// The user asked for it.
        USER_REQUESTED = 3 "rn-user-requested";
        /// A channel was purged.
        CHANNEL_PURGED = 4 "rn-channel-purged";
    }
}

wire_code! {
    /// The result of connect, attach and join. T.125 section 7, Part 7: Result
    pub struct McsResult(u8) {
        /// Done.
        SUCCESSFUL = 0 "rt-successful";
        /// Domain merging.
        DOMAIN_MERGING = 1 "rt-domain-merging";
        /// Domain not hierarchical.
        DOMAIN_NOT_HIERARCHICAL = 2 "rt-domain-not-hierarchical";
        /// No such channel.
        NO_SUCH_CHANNEL = 3 "rt-no-such-channel";
        /// No such domain.
        NO_SUCH_DOMAIN = 4 "rt-no-such-domain";
        /// No such user.
        NO_SUCH_USER = 5 "rt-no-such-user";
        /// Not admitted.
        NOT_ADMITTED = 6 "rt-not-admitted";
        /// Another user's id.
        OTHER_USER_ID = 7 "rt-other-user-id";
        /// Parameters unacceptable.
        PARAMETERS_UNACCEPTABLE = 8 "rt-parameters-unacceptable";
        /// Token not available.
        TOKEN_NOT_AVAILABLE = 9 "rt-token-not-available";
        /// Token not possessed.
        TOKEN_NOT_POSSESSED = 10 "rt-token-not-possessed";
        /// Too many channels.
        TOO_MANY_CHANNELS = 11 "rt-too-many-channels";
        /// Too many tokens.
        TOO_MANY_TOKENS = 12 "rt-too-many-tokens";
        /// Too many users.
        TOO_MANY_USERS = 13 "rt-too-many-users";
        /// Unspecified failure.
        UNSPECIFIED_FAILURE = 14 "rt-unspecified-failure";
        /// The user rejected.
        USER_REJECTED = 15 "rt-user-rejected";
    }
}

/// One MCS PDU. Users and channels are MCS identifiers as Wireshark shows them (users from 1001).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum McsPdu<'a> {
    /// The client's settings. [MS-RDPBCGR] 2.2.1.3
    ConnectInitial(Box<ConnectInitial>),
    /// The server's settings. [MS-RDPBCGR] 2.2.1.4
    ConnectResponse(Box<ConnectResponse>),
    /// [MS-RDPBCGR] 2.2.1.5
    ErectDomain,
    /// [MS-RDPBCGR] 2.2.1.6
    AttachUserRequest,
    /// [MS-RDPBCGR] 2.2.1.7
    AttachUserConfirm {
        /// Whether it worked.
        result: McsResult,
        /// The user that was made.
        user: Option<u16>,
    },
    /// [MS-RDPBCGR] 2.2.1.8
    ChannelJoinRequest {
        /// Who joins.
        user: u16,
        /// Which channel.
        channel: u16,
    },
    /// [MS-RDPBCGR] 2.2.1.9
    ChannelJoinConfirm {
        /// Whether it worked.
        result: McsResult,
        /// Who joined.
        user: u16,
        /// The channel that was asked for.
        requested: u16,
    },
    /// Data, from client (request) or server (indication).
    SendData(SendData<'a>),
    /// The orderly end. [MS-RDPBCGR] 2.2.2.3
    DisconnectUltimatum(DisconnectReason),
    /// Any other choice.
    Other(DomainChoice),
}

/// The contents of a Send Data Request or Indication. T.125 section 7, Part 7
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendData<'a> {
    /// Whether the server sent it.
    pub indication: bool,
    /// Who sent it.
    pub user: u16,
    /// On which channel: 1003 is the I/O channel.
    pub channel: u16,
    /// What it carries; shorter than `length` if the TPKT was cut.
    pub data: &'a [u8],
    /// Bytes that it says it carries.
    pub length: u16,
}

/// Reads the user data of an X.224 DT.
pub fn mcs(data: &[u8]) -> Result<McsPdu<'_>, Malformed> {
    match data {
        [0x7F, 0x65, ..] => Ok(McsPdu::ConnectInitial(Box::new(connect::initial(data)?))),
        [0x7F, 0x66, ..] => Ok(McsPdu::ConnectResponse(Box::new(connect::response(data)?))),
        _ => whole("MCS PDU", data, domain_pdu(data)),
    }
}

/// Reads a DomainMCSPDU: aligned PER, the choice in the high six bits.
fn domain_pdu(input: &[u8]) -> Parse<'_, McsPdu<'_>> {
    let (rest, first) = u8(input)?;
    match DomainChoice(first >> 2) {
        DomainChoice::ERECT_DOMAIN_REQUEST => Ok((rest, McsPdu::ErectDomain)),
        DomainChoice::ATTACH_USER_REQUEST => Ok((rest, McsPdu::AttachUserRequest)),
        DomainChoice::DISCONNECT_PROVIDER_ULTIMATUM => {
            let (rest, second) = u8(rest)?;
            let reason = DisconnectReason((first & 0x03) << 1 | second >> 7);
            Ok((rest, McsPdu::DisconnectUltimatum(reason)))
        }
        DomainChoice::ATTACH_USER_CONFIRM => {
            let (rest, second) = u8(rest)?;
            let (rest, user) =
                if first & 0x02 == 0 { (rest, None) } else { user(rest).map(|(r, u)| (r, Some(u)))? };
            Ok((rest, McsPdu::AttachUserConfirm { result: result(first, second), user }))
        }
        DomainChoice::CHANNEL_JOIN_REQUEST => {
            let (rest, user) = user(rest)?;
            let (rest, channel) = be_u16(rest)?;
            Ok((rest, McsPdu::ChannelJoinRequest { user, channel }))
        }
        DomainChoice::CHANNEL_JOIN_CONFIRM => {
            let (rest, second) = u8(rest)?;
            let (rest, user) = user(rest)?;
            let (rest, requested) = be_u16(rest)?;
            Ok((rest, McsPdu::ChannelJoinConfirm { result: result(first, second), user, requested }))
        }
        choice @ (DomainChoice::SEND_DATA_REQUEST | DomainChoice::SEND_DATA_INDICATION) => {
            send_data(rest, choice == DomainChoice::SEND_DATA_INDICATION)
        }
        choice => Ok((rest, McsPdu::Other(choice))),
    }
}

fn send_data(input: &[u8], indication: bool) -> Parse<'_, McsPdu<'_>> {
    let (rest, user) = user(input)?;
    let (rest, channel) = be_u16(rest)?;
    let (rest, _priority_and_segmentation) = u8(rest)?;
    let (rest, length) = per_length(rest)?;
    let (data, rest) = rest.split_at(usize::from(length).min(rest.len()));
    Ok((rest, McsPdu::SendData(SendData { indication, user, channel, data, length })))
}

/// A user id is sent as its distance from 1001.
fn user(input: &[u8]) -> Parse<'_, u16> {
    let (rest, distance) = be_u16(input)?;
    Ok((rest, distance.saturating_add(1001)))
}

/// A Result of four bits after the flag for an optional field: the last bit of one byte, three of the next.
const fn result(first: u8, second: u8) -> McsResult {
    McsResult((first & 0x01) << 3 | second >> 5)
}

/// A PER length: one byte, or two with the high bit set.
pub(super) fn per_length(input: &[u8]) -> Parse<'_, u16> {
    let (rest, first) = u8(input)?;
    if first & 0x80 == 0 {
        return Ok((rest, first.into()));
    }
    let (rest, second) = u8(rest)?;
    Ok((rest, u16::from_be_bytes([first & 0x7F, second])))
}

/// What is wrong with a part of a message, said in bytes from the start of the whole.
fn odd(what: &'static str, part: &[u8], error: &nom::Err<Malformed>, offset: usize) -> Malformed {
    cut(what, part, error).inside(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pdus_of_a_real_session() {
        assert_eq!(mcs(&[0x04, 0x01, 0x00, 0x01, 0x00]), Ok(McsPdu::ErectDomain));
        assert_eq!(mcs(&[0x28]), Ok(McsPdu::AttachUserRequest));
        let confirm = McsPdu::AttachUserConfirm { result: McsResult::SUCCESSFUL, user: Some(1007) };
        assert_eq!(mcs(&[0x2E, 0x00, 0x00, 0x06]), Ok(confirm));
        let join = McsPdu::ChannelJoinRequest { user: 1007, channel: 1003 };
        assert_eq!(mcs(&[0x38, 0x00, 0x06, 0x03, 0xEB]), Ok(join));
        let joined =
            McsPdu::ChannelJoinConfirm { result: McsResult::SUCCESSFUL, user: 1007, requested: 1003 };
        assert_eq!(mcs(&[0x3E, 0x00, 0x00, 0x06, 0x03, 0xEB, 0x03, 0xEB]), Ok(joined));
        assert_eq!(mcs(&[0x21, 0x80]), Ok(McsPdu::DisconnectUltimatum(DisconnectReason::USER_REQUESTED)));
        assert_eq!(mcs(&[0x20, 0x80]), Ok(McsPdu::DisconnectUltimatum(DisconnectReason::PROVIDER_INITIATED)));
    }

    #[test]
    fn refusals() {
        // No user, result 13 = 0b1101.
        let confirm = McsPdu::AttachUserConfirm { result: McsResult::TOO_MANY_USERS, user: None };
        assert_eq!(mcs(&[0x2D, 0xA0]), Ok(confirm));
    }

    #[test]
    fn data_with_both_lengths() {
        let short = mcs(&[0x68, 0x00, 0x01, 0x03, 0xEB, 0x70, 0x02, 0xAA, 0xBB]).unwrap();
        let expected =
            SendData { indication: true, user: 1002, channel: 1003, data: &[0xAA, 0xBB], length: 2 };
        assert_eq!(short, McsPdu::SendData(expected));
        let long = mcs(&[0x64, 0x00, 0x06, 0x03, 0xEB, 0x70, 0x81, 0x94, 0x40]).unwrap();
        let McsPdu::SendData(sent) = long else { panic!("{long:?}") };
        assert_eq!((sent.indication, sent.length, sent.data), (false, 0x194, [0x40].as_slice()));
    }

    #[test]
    fn unknown_and_cut() {
        assert_eq!(mcs(&[0xFC]), Ok(McsPdu::Other(DomainChoice(63))));
        assert!(mcs(&[]).is_err() && mcs(&[0x2E, 0x00]).is_err() && mcs(&[0x7F, 0x65]).is_err());
    }
}
