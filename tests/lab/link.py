"""A cable between two interfaces, in user space, that can misbehave.

It forwards Ethernet frames between two interfaces of the network namespace it runs in and knows nothing of RDP.
Faults are chosen by command-line options when it starts, or by one-word commands on its standard input later:

    dead          forward nothing from now on
    alive         forward again
    rst-client    send the client a forged reset for every TCP flow that is open
    rst-server    the same towards the server
    rst-both      both
    corrupt       damage every TCP segment with data from now on

"to client" is what arrives on the server's side of the cable, "to server" the other way.
"""

import argparse
import heapq
import os
import random
import select
import socket
import struct
import sys
import time

TO_SERVER, TO_CLIENT = 0, 1
OUTGOING = 4  # PACKET_OUTGOING: our own frames come back on the socket
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


def checksum(data):
    """The Internet checksum, RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Packet:
    """The few IPv4 and TCP fields a fault decides on."""

    def __init__(self, frame):
        self.frame = frame
        self.ipv4 = len(frame) >= 34 and frame[12:14] == b"\x08\x00"
        self.tcp = False
        if not self.ipv4:
            return
        header = (frame[14] & 0x0F) * 4
        self.length = struct.unpack("!H", frame[16:18])[0]
        self.fragment_offset = struct.unpack("!H", frame[20:22])[0] & 0x1FFF
        self.protocol = frame[23]
        self.source, self.destination = frame[26:30], frame[30:34]
        if self.protocol != 6 or self.fragment_offset:
            return
        self.tcp = True
        at = 14 + header
        self.at = at
        self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window = struct.unpack(
            "!HHIIBBH", frame[at : at + 16]
        )
        self.payload_at = at + (offset >> 4) * 4
        self.payload = 14 + self.length - self.payload_at

    def key(self):
        """The flow, the same for both directions."""
        ends = [(self.source, self.sport), (self.destination, self.dport)]
        return tuple(sorted(ends))

    def next_seq(self):
        """The sequence number after this segment."""
        return (self.seq + self.payload + bool(self.flags & (SYN | FIN))) & 0xFFFFFFFF


def forge_reset(like, seq, ack, ttl):
    """A reset that claims to come from the sender of `like`, without options, IP id zero, with its own TTL."""
    tcp = struct.pack("!HHIIBBHHH", like.sport, like.dport, seq, ack, 0x50, RST | ACK, 0, 0, 0)
    pseudo = like.source + like.destination + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, ttl, 6, 0) + like.source + like.destination
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return like.frame[:14] + ip + tcp


class Flow:
    """What a stateful device remembers of one TCP flow."""

    def __init__(self):
        self.last = time.monotonic()
        self.latest = {}  # direction -> the last packet that went that way
        self.forgotten = False


class Link:
    """The cable and its faults."""

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.sockets = [self.open(options.client_side), self.open(options.server_side)]
        self.waiting = []  # (due, number, direction, frame)
        self.number = 0
        self.data_segments = 0
        self.dead = False
        self.flows = {}

    @staticmethod
    def open(interface):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        raw.bind((interface, 0))
        return raw

    def run(self):
        watched = self.sockets + [sys.stdin]
        while True:
            timeout = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            ready, _, _ = select.select(watched, [], [], timeout)
            for source in ready:
                if source is sys.stdin:
                    line = os.read(0, 100).decode()
                    if not line:
                        return
                    for word in line.split():
                        self.command(word)
                    continue
                frame, address = source.recvfrom(65535)
                if address[2] != OUTGOING:
                    self.arrived(self.sockets.index(source), frame)
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, direction, frame = heapq.heappop(self.waiting)
                self.send(direction, frame)

    def command(self, word):
        if word in ("dead", "alive"):
            self.dead = word == "dead"
        elif word == "corrupt":
            self.options.corrupt = 1
        elif word.startswith("rst-"):
            for flow in self.flows.values():
                if word in ("rst-client", "rst-both"):
                    self.reset(flow, TO_CLIENT)
                if word in ("rst-server", "rst-both"):
                    self.reset(flow, TO_SERVER)

    def reset(self, flow, direction):
        """Forge a reset in the name of the peer, with the sequence number the receiver expects next."""
        like = flow.latest.get(direction)
        if like is not None:
            self.send(direction, forge_reset(like, like.next_seq(), like.ack, self.options.rst_ttl))

    def arrived(self, direction, frame):
        packet = Packet(frame)
        if self.dead or self.dropped(direction, packet):
            return
        if packet.tcp and not self.remembered(direction, packet):
            return
        delay = self.options.delay / 1000
        if packet.tcp and packet.payload > 0:
            self.data_segments += 1
            self.dead = self.data_segments == self.options.dead_after  # this one still passes
            if self.options.reorder and self.data_segments % self.options.reorder == 0:
                delay += 0.004
            if self.options.corrupt and self.data_segments % self.options.corrupt == 0:
                frame = self.flip(packet)
            if self.options.duplicate and self.data_segments % self.options.duplicate == 0:
                self.later(delay, direction, frame)
        self.later(delay, direction, frame)
        if self.options.reset_requests and direction == TO_SERVER and self.is_request(packet):
            self.reset(self.flows[packet.key()], TO_CLIENT)

    @staticmethod
    def is_request(packet):
        """Whether the segment begins with a TPKT that holds an X.224 Connection Request, as some filters look for."""
        start = packet.frame[packet.payload_at : packet.payload_at + 6] if packet.tcp else b""
        return len(start) == 6 and start[:2] == b"\x03\0" and start[5] == 0xE0

    def later(self, delay, direction, frame):
        if delay == 0:
            self.send(direction, frame)
        else:
            self.number += 1
            heapq.heappush(self.waiting, (time.monotonic() + delay, self.number, direction, frame))

    def send(self, direction, frame):
        try:
            self.sockets[1 if direction == TO_SERVER else 0].send(frame)
        except OSError:
            pass  # the other end is being taken down

    @staticmethod
    def flip(packet):
        """Damage the last payload byte and leave the checksum as it was."""
        last = 14 + packet.length - 1
        return packet.frame[:last] + bytes([packet.frame[last] ^ 0x55]) + packet.frame[last + 1 :]

    def dropped(self, direction, packet):
        options = self.options
        if not packet.ipv4:
            return False
        if options.eat_icmp and packet.protocol == 1:
            return True
        if options.drop_larger and packet.length > options.drop_larger:
            return True
        if options.drop_later_fragments and packet.fragment_offset:
            return True
        if packet.tcp and options.lose_first:
            options.lose_first -= 1
            return True
        if packet.tcp:
            wanted = {"client": TO_CLIENT, "server": TO_SERVER}
            if options.drop_data and wanted[options.drop_data] == direction and packet.payload > 0:
                return True
            if options.drop_syn_ack and packet.flags & (SYN | ACK) == SYN | ACK:
                return True
            if options.loss and packet.payload > 0 and self.random.random() < options.loss / 100:
                return True
        return False

    def remembered(self, direction, packet):
        """Keep the flow table; answer or drop what belongs to a flow that was idle for too long."""
        flow = self.flows.get(packet.key())
        if packet.flags & SYN and not packet.flags & ACK:
            flow = self.flows[packet.key()] = Flow()
        if flow is None:
            return True
        now = time.monotonic()
        if self.options.idle and now - flow.last > self.options.idle:
            flow.forgotten = True
        flow.last = now
        if flow.forgotten:
            if self.options.idle_answer == "rst" and not packet.flags & RST:
                back = TO_CLIENT if direction == TO_SERVER else TO_SERVER
                like = flow.latest.get(back)
                if like is not None:
                    self.send(back, forge_reset(like, packet.ack, packet.next_seq(), self.options.rst_ttl))
            return False
        flow.latest[direction] = packet
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("client_side")
    parser.add_argument("server_side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0, help="milliseconds, each direction")
    parser.add_argument("--loss", type=float, default=0, help="per cent of TCP segments with data")
    parser.add_argument("--reorder", type=int, default=0, help="hold every Nth data segment for 4 ms")
    parser.add_argument("--duplicate", type=int, default=0, help="send every Nth data segment twice")
    parser.add_argument("--corrupt", type=int, default=0, help="damage every Nth data segment")
    parser.add_argument("--drop-larger", type=int, default=0, help="drop IP packets longer than this, silently")
    parser.add_argument("--drop-later-fragments", action="store_true")
    parser.add_argument("--drop-data", choices=["client", "server"], help="drop segments with data towards this end")
    parser.add_argument("--drop-syn-ack", action="store_true")
    parser.add_argument("--dead-after", type=int, default=0, help="forward nothing after this many data segments")
    parser.add_argument("--lose-first", type=int, default=0, help="drop this many TCP segments at the beginning")
    parser.add_argument("--reset-requests", action="store_true", help="reset the client at an X.224 request")
    parser.add_argument("--eat-icmp", action="store_true")
    parser.add_argument("--idle", type=float, default=0, help="forget a TCP flow after this many silent seconds")
    parser.add_argument("--idle-answer", choices=["drop", "rst"], default="drop")
    parser.add_argument("--rst-ttl", type=int, default=250)
    Link(parser.parse_args()).run()


if __name__ == "__main__":
    main()
