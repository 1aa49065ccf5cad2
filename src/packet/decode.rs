//! One frame to what it tells. Stateless; called once per frame, in parallel over ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, TcpOptionElement, UdpHeaderSlice};

use super::checksum;
use super::fragment::{Fragment, Key};
use super::icmp::{self, IcmpError};
use super::interest::{self, Interest, NAME_PORTS};
use super::link::{self, Link};
use super::neighbour::{self, Neighbour, Sign};
use super::segment::{Datagram, Endpoint, Payload, Segment, TcpFlags, TcpOptions};
use crate::base::bytes::{be16, index, length};
use crate::base::{Shift, Timestamp};
use crate::capture::Frame;
use crate::capture::split::Collect;

/// Tunnels inside tunnels that are followed.
const MAX_DEPTH: u8 = 6;

/// Everything that a range of frames tells. Frame numbers in it count from 0 within the range until
/// [`Packets::renumber`] is called.
#[derive(Debug)]
pub struct Packets {
    interest: Arc<Interest>,
    /// Where the bytes of the source begin in memory: turns a slice into an offset.
    origin: usize,
    /// How far the capture's clock is from the one that all times are told by.
    clock: Shift,
    /// TCP segments of interest, in file order.
    pub segments: Vec<Segment>,
    /// UDP datagrams of interest.
    pub datagrams: Vec<Datagram>,
    /// ICMP errors about packets of interest.
    pub icmp: Vec<IcmpError>,
    /// Signs of hosts.
    pub neighbours: Vec<Neighbour>,
    /// IP fragments.
    pub fragments: Vec<Fragment>,
    /// Endpoints that were sent a connection request on a port of no interest.
    pub found: Vec<Endpoint>,
    /// Frames shorter than on the wire: how many, and the first.
    pub cut: Tally,
    /// Frames with contradictory headers.
    pub malformed: Tally,
    /// Frames of unknown link types.
    pub unknown_link: Tally,
    /// First and last time stamp.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// A count and the first frame it was met in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// The first frame.
    pub first: Option<u64>,
}

impl Tally {
    fn add(&mut self, frame: u64) {
        self.count += 1;
        self.first.get_or_insert(frame);
    }
}

/// What every packet of a frame shares.
#[derive(Clone, Copy)]
struct Context {
    time: Timestamp,
    frame: u64,
    interface: u32,
    /// Bytes that the snapshot length cut off the end of the frame.
    missing: u32,
}

/// What a TCP or UDP header needs to know of the IP header before it.
#[derive(Clone, Copy)]
struct Ip {
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    ttl: u8,
    id: Option<u16>,
    dont_fragment: bool,
}

/// A slice of the source, or of a datagram that was put together.
#[derive(Clone, Copy)]
struct Place<'a> {
    bytes: &'a [u8],
    is_whole: bool,
}

impl Packets {
    /// An empty collection for ranges of `source`.
    pub fn new(interest: Arc<Interest>, source: &[u8]) -> Self {
        Self {
            interest,
            origin: source.as_ptr().addr(),
            clock: Shift::default(),
            segments: Vec::new(),
            datagrams: Vec::new(),
            icmp: Vec::new(),
            neighbours: Vec::new(),
            fragments: Vec::new(),
            found: Vec::new(),
            cut: Tally::default(),
            malformed: Tally::default(),
            unknown_link: Tally::default(),
            span: None,
        }
    }

    /// Tells times by another clock than the capture's own.
    #[must_use]
    pub const fn by_clock(mut self, clock: Shift) -> Self {
        self.clock = clock;
        self
    }

    /// Puts segments where others were: a window's lists are used again by a later one.
    #[must_use]
    pub fn with_room(mut self, room: Vec<Segment>) -> Self {
        self.segments = room;
        self.segments.clear();
        self
    }

    /// Turns frame indices of the range into frame numbers of the file.
    pub fn renumber(&mut self, first_frame: u64) {
        let shift = |frame: &mut u64| *frame += first_frame;
        self.segments.iter_mut().for_each(|segment| shift(&mut segment.frame));
        self.datagrams.iter_mut().for_each(|datagram| shift(&mut datagram.frame));
        self.icmp.iter_mut().for_each(|error| shift(&mut error.frame));
        self.neighbours.iter_mut().for_each(|neighbour| shift(&mut neighbour.frame));
        self.fragments.iter_mut().for_each(|fragment| shift(&mut fragment.frame));
        for tally in [&mut self.cut, &mut self.malformed, &mut self.unknown_link] {
            tally.first = tally.first.map(|frame| frame + first_frame);
        }
    }

    /// Takes a datagram that was put together from fragments.
    pub fn reassembled(&mut self, whole: &super::fragment::Whole) {
        let last = &whole.last;
        let context = Context { time: last.time, frame: last.frame, interface: last.interface, missing: 0 };
        let ip = Ip {
            from: last.key.from,
            to: last.key.to,
            protocol: last.key.protocol,
            ttl: last.ttl,
            id: u16::try_from(last.key.id).ok(),
            dont_fragment: false,
        };
        let bytes = whole.payload.as_slice();
        self.transport(context, ip, Place { bytes, is_whole: true }, length(bytes), 0);
    }

    fn network(&mut self, context: Context, kind: u16, place: Place<'_>, depth: u8) {
        if depth > MAX_DEPTH {
            return;
        }
        match kind {
            link::IPV4 => self.ipv4(context, place, depth),
            link::IPV6 => self.ipv6(context, place, depth),
            link::ARP => self.sign(context, neighbour::arp(place.bytes)),
            _ => {}
        }
    }

    fn ipv4(&mut self, context: Context, place: Place<'_>, depth: u8) {
        let Ok(header) = Ipv4HeaderSlice::from_slice(place.bytes) else {
            return self.malformed.add(context.frame);
        };
        let header_len = header.slice().len();
        let available = place.bytes.len() - header_len;
        // Total length 0: the capture was taken above segmentation offload; the frame itself is the length.
        let total = usize::from(header.total_len());
        let claimed =
            if total < header_len { available + index(context.missing) } else { total - header_len };
        let Some(payload) = place.bytes.get(header_len..header_len + available.min(claimed)) else { return };
        let protocol = header.protocol().0;
        let from = IpAddr::V4(Ipv4Addr::from(header.source()));
        let to = IpAddr::V4(Ipv4Addr::from(header.destination()));
        if header.is_fragmenting_payload() {
            self.fragments.push(Fragment {
                time: context.time,
                frame: context.frame,
                interface: context.interface,
                key: Key { from, to, id: u32::from(header.identification()), protocol },
                offset: u32::from(header.fragments_offset().value()) * 8,
                more: header.more_fragments(),
                cut: payload.len() < claimed,
                ttl: header.ttl(),
                bytes: payload.into(),
            });
            return;
        }
        let ip = Ip {
            from,
            to,
            protocol,
            ttl: header.ttl(),
            id: Some(header.identification()),
            dont_fragment: header.dont_fragment(),
        };
        let on_wire = u32::try_from(claimed).unwrap_or(u32::MAX);
        self.transport(context, ip, Place { bytes: payload, ..place }, on_wire, depth);
    }

    fn ipv6(&mut self, context: Context, place: Place<'_>, depth: u8) {
        let Ok(header) = Ipv6HeaderSlice::from_slice(place.bytes) else {
            return self.malformed.add(context.frame);
        };
        let body = place.bytes.get(40..).unwrap_or_default();
        // Payload length 0: a jumbogram, or offload as in IPv4.
        let claimed = match usize::from(header.payload_length()) {
            0 => body.len() + index(context.missing),
            claimed => claimed,
        };
        let body = body.get(..claimed).unwrap_or(body);
        let from = IpAddr::V6(Ipv6Addr::from(header.source())).to_canonical();
        let to = IpAddr::V6(Ipv6Addr::from(header.destination())).to_canonical();
        let Some(chain) = Extensions::walk(header.next_header().0, body) else {
            return self.malformed.add(context.frame);
        };
        let payload = body.get(chain.length..).unwrap_or_default();
        if let Some((id, offset, more)) = chain.fragment {
            self.fragments.push(Fragment {
                time: context.time,
                frame: context.frame,
                interface: context.interface,
                key: Key { from, to, id, protocol: chain.protocol },
                offset,
                more,
                cut: body.len() < claimed,
                ttl: header.hop_limit(),
                bytes: payload.into(),
            });
            return;
        }
        let ip =
            Ip { from, to, protocol: chain.protocol, ttl: header.hop_limit(), id: None, dont_fragment: true };
        let on_wire = u32::try_from(claimed.saturating_sub(chain.length)).unwrap_or(u32::MAX);
        self.transport(context, ip, Place { bytes: payload, ..place }, on_wire, depth);
    }

    fn transport(&mut self, context: Context, ip: Ip, place: Place<'_>, on_wire: u32, depth: u8) {
        match ip.protocol {
            6 => self.tcp(context, ip, place, on_wire),
            17 => self.udp(context, ip, place, on_wire, depth),
            1 => self.icmp(context, ip, place.bytes, false),
            58 => self.icmp(context, ip, place.bytes, true),
            4 => self.network(context, link::IPV4, place, depth + 1),
            41 => self.network(context, link::IPV6, place, depth + 1),
            47 => self.gre(context, place, depth),
            _ => {}
        }
    }

    fn tcp(&mut self, context: Context, ip: Ip, place: Place<'_>, on_wire: u32) {
        // The port test comes before anything else: most packets are of no interest.
        let (Some(source_port), Some(destination_port)) = (be16(place.bytes, 0), be16(place.bytes, 2)) else {
            return self.malformed.add(context.frame);
        };
        let from = Endpoint { ip: ip.from, port: source_port };
        let to = Endpoint { ip: ip.to, port: destination_port };
        let wanted = self.interest.wants(&from, &to);
        let header_len = usize::from(place.bytes.get(12).copied().unwrap_or(0) >> 4) * 4;
        if !wanted {
            if source_port == interest::KERBEROS_PORT {
                self.kerberos_error(context, from, to, place.bytes.get(header_len..).unwrap_or_default());
            }
            let flags = TcpFlags(place.bytes.get(13).copied().unwrap_or(0));
            if flags.accepts() {
                self.sign(context, Some(Sign::Accepted(ip.from, source_port)));
            } else if interest::looks_like_request(place.bytes.get(header_len..).unwrap_or_default()) {
                self.found.push(to);
            }
            return;
        }
        // The snapshot length may cut the options off. What stands before them opens and closes connections.
        let mut without_options = [0; 60];
        let fixed = place.bytes.get(..20).filter(|_| context.missing > 0 && place.bytes.len() < header_len);
        let bytes = match (fixed, without_options.get_mut(..20)) {
            (Some(fixed), Some(start)) => {
                start.copy_from_slice(fixed);
                without_options.as_slice()
            }
            _ => place.bytes,
        };
        let Ok(header) = TcpHeaderSlice::from_slice(bytes) else {
            return self.malformed.add(context.frame);
        };
        let payload = place.bytes.get(header.slice().len()..).unwrap_or_default();
        let flags = TcpFlags(place.bytes.get(13).copied().unwrap_or(0));
        self.segments.push(Segment {
            time: context.time,
            frame: context.frame,
            interface: context.interface,
            from,
            to,
            seq: header.sequence_number(),
            ack: header.acknowledgment_number(),
            flags,
            window: header.window_size(),
            options: options(&header),
            ttl: ip.ttl,
            ip_id: ip.id,
            dont_fragment: ip.dont_fragment,
            length: on_wire.saturating_sub(length(header.slice())),
            captured: length(payload),
            payload: self.locate(payload, place),
            head_sum: match fixed {
                None => checksum::head(ip.from, ip.to, on_wire, header.slice()),
                Some(_) => checksum::UNKNOWN,
            },
        });
    }

    /// An error of Kerberos over TCP is one short segment: its length, then the tag of a KRB-ERROR. RFC 4120 5.9.1,
    /// 7.2.2. Kept as the datagram that it would be over UDP.
    fn kerberos_error(&mut self, context: Context, from: Endpoint, to: Endpoint, payload: &[u8]) {
        if let [0, 0, _, _, message @ ..] = payload
            && message.first() == Some(&0x7e)
        {
            self.datagrams.push(Datagram {
                time: context.time,
                frame: context.frame,
                from,
                to,
                length: length(message),
                head: message.get(..Datagram::KEPT).unwrap_or(message).into(),
            });
        }
    }

    fn locate(&self, payload: &[u8], place: Place<'_>) -> Payload {
        if place.is_whole {
            Payload::Reassembled(payload.into())
        } else {
            Payload::Source(payload.as_ptr().addr().saturating_sub(self.origin))
        }
    }

    fn udp(&mut self, context: Context, ip: Ip, place: Place<'_>, on_wire: u32, depth: u8) {
        let Ok(header) = UdpHeaderSlice::from_slice(place.bytes) else {
            return self.malformed.add(context.frame);
        };
        let (from_port, to_port) = (header.source_port(), header.destination_port());
        let payload = place.bytes.get(8..).unwrap_or_default();
        match to_port {
            // VXLAN: eight bytes, then a whole Ethernet frame.
            4789 => return self.inner_frame(context, place, link::ethernet(place.bytes, 16), depth),
            // GENEVE: eight bytes and options, then what the protocol field says.
            6081 => {
                let options = usize::from(payload.first().copied().unwrap_or(0) & 0x3f) * 4;
                let Some(kind) = be16(payload, 2) else { return };
                return self.tunnelled(context, place, kind, 16 + options, depth);
            }
            _ => {}
        }
        let from = Endpoint { ip: ip.from, port: from_port };
        let to = Endpoint { ip: ip.to, port: to_port };
        let begins_rdp = interest::looks_like_udp_syn(payload);
        if begins_rdp && !self.interest.is_server(to.ip, to.port) {
            self.found.push(to);
        }
        let named = NAME_PORTS.contains(&from_port) || NAME_PORTS.contains(&to_port);
        let kerberos = from_port == interest::KERBEROS_PORT;
        let side_channel =
            self.interest.wants(&from, &to) || [from_port, to_port].contains(&interest::GATEWAY_UDP_PORT);
        if named || side_channel || kerberos {
            let kept = if named || kerberos { Datagram::KEPT } else { Datagram::KEPT_OF_SIDE };
            self.datagrams.push(Datagram {
                time: context.time,
                frame: context.frame,
                from,
                to,
                length: on_wire.saturating_sub(8),
                head: payload.get(..kept).unwrap_or(payload).into(),
            });
        }
    }

    fn gre(&mut self, context: Context, place: Place<'_>, depth: u8) {
        let (Some(flags), Some(kind)) = (be16(place.bytes, 0), be16(place.bytes, 2)) else {
            return self.malformed.add(context.frame);
        };
        // RFC 2784, RFC 2890: checksum, key and sequence number are there when their bit is; version 1 (RFC
        // 2637, PPTP) has an acknowledgement number as well.
        let word = |bit: u16| usize::from(flags & bit != 0) * 4;
        let at =
            4 + word(0x8000) + word(0x2000) + word(0x1000) + if flags & 7 == 1 { word(0x0080) } else { 0 };
        match kind {
            link::ERSPAN_2 => {
                let header = if flags & 0x1000 == 0 { 0 } else { 8 };
                self.inner_frame(context, place, link::ethernet(place.bytes, at + header), depth);
            }
            link::ERSPAN_3 => self.inner_frame(context, place, link::ethernet(place.bytes, at + 12), depth),
            0x880b => self.inner_frame(
                context,
                place,
                link::ppp_protocol(place.bytes, ppp_at(place.bytes, at)),
                depth,
            ),
            _ => self.tunnelled(context, place, kind, at, depth),
        }
    }

    fn tunnelled(&mut self, context: Context, place: Place<'_>, kind: u16, at: usize, depth: u8) {
        let inner = if kind == link::BRIDGED {
            link::ethernet(place.bytes, at)
        } else {
            link::ether_type(place.bytes, kind, at)
        };
        self.inner_frame(context, place, inner, depth);
    }

    fn inner_frame(&mut self, context: Context, place: Place<'_>, inner: Link, depth: u8) {
        match inner {
            Link::Network(kind, at) => {
                let bytes = place.bytes.get(at..).unwrap_or_default();
                self.network(context, kind, Place { bytes, ..place }, depth + 1);
            }
            Link::Malformed => self.malformed.add(context.frame),
            Link::Other | Link::Unknown => {}
        }
    }

    fn icmp(&mut self, context: Context, ip: Ip, message: &[u8], v6: bool) {
        let (Some(kind), Some(code)) = (message.first().copied(), message.get(1).copied()) else { return };
        if (v6 && kind == 129) || (!v6 && kind == 0) {
            return self.sign(context, Some(Sign::Echoed(ip.from)));
        }
        if v6 && matches!(kind, 135 | 136) {
            return self.sign(context, neighbour::discovery(message, ip.from));
        }
        if !icmp::is_error(v6, kind) {
            return;
        }
        let Some(quoted) = icmp::quoted(message.get(8..).unwrap_or_default()) else { return };
        let error = IcmpError {
            time: context.time,
            frame: context.frame,
            reporter: ip.from,
            receiver: ip.to,
            v6,
            kind,
            code,
            mtu: icmp::mtu(v6, kind, code, message),
            quoted,
        };
        // Lost fragments are of interest whatever they carried: names and tickets travel by UDP.
        let fragments = error.meaning() == icmp::IcmpMeaning::ReassemblyTimeout;
        let of_interest =
            error.quoted.is_portless() || self.interest.wants(&error.quoted.from, &error.quoted.to);
        if fragments || of_interest {
            self.icmp.push(error);
        }
    }

    fn sign(&mut self, context: Context, sign: Option<Sign>) {
        if let Some(sign) = sign {
            self.neighbours.push(Neighbour { time: context.time, frame: context.frame, sign });
        }
    }
}

/// PPP inside GRE may keep its address and control bytes.
fn ppp_at(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at..at + 2) == Some(&[0xff, 0x03]) { at + 2 } else { at }
}

impl Collect for Packets {
    fn frame(&mut self, frame: Frame<'_>) {
        let captured = length(frame.data);
        let missing = frame.original.saturating_sub(captured);
        if missing > 0 {
            self.cut.add(frame.index);
        }
        let time = self.clock.away(frame.time);
        self.span = Some(match self.span {
            None => (time, time),
            Some((first, last)) => (first.min(time), last.max(time)),
        });
        let context = Context { time, frame: frame.index, interface: frame.interface, missing };
        let place = Place { bytes: frame.data, is_whole: false };
        match link::network(frame.link, frame.data) {
            Link::Network(kind, at) => {
                let bytes = frame.data.get(at..).unwrap_or_default();
                self.network(context, kind, Place { bytes, ..place }, 0);
            }
            Link::Other => {}
            Link::Malformed => self.malformed.add(frame.index),
            Link::Unknown => self.unknown_link.add(frame.index),
        }
    }
}

/// The chain of IPv6 extension headers (RFC 8200 4).
struct Extensions {
    protocol: u8,
    length: usize,
    fragment: Option<(u32, u32, bool)>,
}

impl Extensions {
    /// Headers that are followed: longer chains are made to confuse.
    const MAX: usize = 16;

    fn walk(first: u8, body: &[u8]) -> Option<Self> {
        let mut chain = Self { protocol: first, length: 0, fragment: None };
        for _ in 0..Self::MAX {
            let header = body.get(chain.length..)?;
            let size = match chain.protocol {
                0 | 43 | 60 | 135 | 139 | 140 => (usize::from(*header.get(1)?) + 1) * 8,
                51 => (usize::from(*header.get(1)?) + 2) * 4,
                44 => {
                    let offset = be16(header, 2)?;
                    let id = crate::base::bytes::be32(header, 4)?;
                    let more = offset & 1 == 1;
                    // An "atomic" fragment (RFC 6946) is a whole packet.
                    if offset & 0xfff8 != 0 || more {
                        chain.fragment = Some((id, u32::from(offset & 0xfff8), more));
                    }
                    8
                }
                _ => return Some(chain),
            };
            chain.protocol = *header.first()?;
            chain.length += size;
            if chain.fragment.is_some() {
                return Some(chain);
            }
        }
        None
    }
}

fn options(header: &TcpHeaderSlice<'_>) -> TcpOptions {
    const WITHOUT: usize = 20;
    let mut options = TcpOptions { none: header.slice().len() == WITHOUT, ..TcpOptions::default() };
    if options.none {
        return options;
    }
    // A malformed option ends the list; those before it stand.
    for element in header.options_iterator().map_while(Result::ok) {
        match element {
            TcpOptionElement::MaximumSegmentSize(size) => options.mss = Some(size),
            TcpOptionElement::WindowScale(shift) => options.window_scale = Some(shift),
            TcpOptionElement::Timestamp(..) => options.timestamp = true,
            TcpOptionElement::SelectiveAcknowledgement(first, _) => options.sack = Some(first),
            TcpOptionElement::Noop | TcpOptionElement::SelectiveAcknowledgementPermitted => {}
        }
    }
    options
}
