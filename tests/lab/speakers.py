"""Small servers and clients that do one thing no real product can be made to do.

They speak TCP, X.224 negotiation ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2) and TLS through OpenSSL, and nothing beyond it.
Each runs inside one namespace: `speakers.py serve MODE …`, `connect MODE …`, `names MODE`, `greet`, `inspect`.
"""

import argparse
import socket
import ssl
import struct
import sys
import threading
import time

SERVER, PORT = "198.51.100.20", 3389
PROTOCOL_RDP, PROTOCOL_SSL, PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX = 0, 1, 2, 8


def tpkt(body):
    """A TPKT header, RFC 1006, in front of a TPDU."""
    return struct.pack("!BBH", 3, 0, len(body) + 4) + body


def connection_request(protocols, cookie="alice"):
    """An X.224 Connection Request, [MS-RDPBCGR] 2.2.1.1."""
    variable = f"Cookie: mstshash={cookie}\r\n".encode() if cookie else b""
    variable += struct.pack("<BBHI", 1, 0, 8, protocols)
    return tpkt(bytes([6 + len(variable)]) + b"\xe0\0\0\0\0\0" + variable)


def connection_confirm(kind, value, flags=0):
    """An X.224 Connection Confirm with a negotiation response (2) or failure (3), [MS-RDPBCGR] 2.2.1.2."""
    return tpkt(b"\x0e\xd0\0\0\x12\x34\0" + struct.pack("<BBHI", kind, flags, 8, value))


def read_tpkt(peer):
    """One whole TPKT, or what came before the peer left."""
    data = b""
    while len(data) < 4 or len(data) < struct.unpack("!H", data[2:4])[0]:
        more = peer.recv(4096)
        if not more:
            break
        data += more
    return data


def reset(peer):
    """Close with RST instead of FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


# Servers


def answer(peer, options):
    """One connection of a server."""
    mode = options.mode
    if mode == "banner":
        peer.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
        peer.recv(4096)
        time.sleep(0.2)
        peer.sendall(b"Invalid SSH identification string.\r\n")
        return peer.close()
    if mode == "web":
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        return peer.close()
    read_tpkt(peer)
    if mode == "silent":
        while peer.recv(4096):
            pass
        return peer.close()
    if mode == "close":
        time.sleep(options.pause)
        return peer.close()
    if mode == "reset":
        time.sleep(options.pause)
        return reset(peer)
    if mode == "failure":
        peer.sendall(connection_confirm(3, options.code))
        peer.recv(4096)
        return peer.close()
    peer.sendall(connection_confirm(2, options.select))
    if mode == "hello-close":
        peer.recv(4096)
        return peer.close()
    if mode == "hello-reset":
        peer.recv(4096)
        return reset(peer)
    if mode == "hello-silent":
        while peer.recv(4096):
            pass
        return peer.close()
    return answer_tls(peer, options)


def answer_tls(peer, options):
    """Serve TLS after the confirm, then keep quiet until the client leaves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if options.ciphers:
        context.set_ciphers(options.ciphers)
    context.minimum_version = ssl.TLSVersion[options.minimum]
    context.maximum_version = ssl.TLSVersion[options.maximum]
    context.load_cert_chain(options.certificate, options.key)
    try:
        inside = context.wrap_socket(peer, server_side=True)
        while inside.recv(4096):
            pass
        inside.unwrap()
    except OSError as error:
        print(error, flush=True)
    peer.close()


def serve(options):
    listener = socket.create_server(("0.0.0.0", PORT), backlog=64)
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=quietly, args=(peer, options), daemon=True).start()


def quietly(peer, options):
    try:
        answer(peer, options)
    except OSError as error:
        print(error, flush=True)


def names(options):
    """A name server that answers every question with one response code, or with one address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))
    while True:
        query, client = server.recvfrom(4096)
        if options.mode == "silent":
            continue
        end = 12
        while query[end]:
            end += query[end] + 1
        question = query[12 : end + 5]
        is_address = question[-4:-2] == b"\0\1"
        give = options.mode == "address" and is_address
        code = {"refused": 5, "no-such-name": 3, "failure": 2}.get(options.mode, 0)
        response = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, int(give), 0, 0) + question
        if give:
            response += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(options.address)
        server.sendto(response, client)


# Clients


def connect(options):
    for number in range(options.times):
        if number:
            time.sleep(options.pause)
        source = (options.source, 0) if options.source else None
        peer = socket.create_connection((options.server, PORT), 20, source)
        try:
            attempt(peer, options, options.cookies[number % len(options.cookies)])
        except OSError as error:
            print(error, flush=True)
        peer.close()


def attempt(peer, options, cookie):
    """One connection of a client."""
    if options.mode == "touch":
        return time.sleep(0.05)
    if options.bytewise:
        for byte in connection_request(options.protocols, cookie):
            peer.sendall(bytes([byte]))
            time.sleep(0.01)
    else:
        peer.sendall(connection_request(options.protocols, cookie))
    if options.mode == "wait":
        peer.settimeout(options.wait)
        return peer.recv(4096)
    read_tpkt(peer)
    if options.mode == "leave":
        return reset(peer)
    if options.mode == "finish":
        return peer.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if options.ciphers:
        context.set_ciphers(options.ciphers)
    context.minimum_version = ssl.TLSVersion[options.minimum]
    context.maximum_version = ssl.TLSVersion[options.maximum]
    context.check_hostname = bool(options.check_name)
    if options.trust == "anyone":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif options.trust:
        context.load_verify_locations(options.trust)
    inside = context.wrap_socket(peer, server_hostname=options.name)
    if options.mode == "tls-leave":
        return reset(inside)
    time.sleep(options.wait)
    inside.unwrap()
    return None


def greet(options):
    """Send the RDPEUDP SYN of a client three times, [MS-RDPEUDP] 2.2.2.1, and take no notice of answers."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("0.0.0.0", 0))
    flags = 0x0001 | 0x0800 | 0x1000  # SYN, CORRELATION_ID, SYNEX
    packet = struct.pack("!IHH", 0xFFFFFFFF, 64, flags) + struct.pack("!IHH", 0x2F1C77A5, 1232, 1232)
    packet += bytes.fromhex("5a3c9e0c6b7f4d1e8a2b90c1d3e4f506") + bytes(16)
    packet += struct.pack("!HHH", 0x0001, 0x0101, 0) + bytes(range(32))
    for pause in (3.5, 2.7, 0.0):
        sender.sendto(packet.ljust(1232, b"\0"), (options.server, PORT))
        time.sleep(pause)


# A device between them

IP_TRANSPARENT = 19


def inspect(options):
    """Sit in the path, end the client's TLS, open another one to the server, and pass on what is inside.

    Runs on a router that delivers packets of both directions to itself; both connections carry the true addresses.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    listener.bind(("0.0.0.0", PORT))
    listener.listen(16)
    while True:
        client, address = listener.accept()
        threading.Thread(target=between, args=(client, address, options), daemon=True).start()


def between(client, address, options):
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(address)
        server.connect((options.server, PORT))
        server.sendall(read_tpkt(client))
        client.sendall(read_tpkt(server))
        inner = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        inner.load_cert_chain(options.certificate, options.key)
        outer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        outer.check_hostname = False
        outer.verify_mode = ssl.CERT_NONE
        inner.maximum_version = outer.maximum_version = ssl.TLSVersion[options.maximum]
        server = outer.wrap_socket(server)
        client = inner.wrap_socket(client, server_side=True)
        pump = threading.Thread(target=pass_on, args=(client, server), daemon=True)
        pump.start()
        pass_on(server, client)
        pump.join(5)
    except OSError as error:
        print(error, flush=True)
    client.close()
    server.close()


def pass_on(source, sink):
    """Move bytes one way until the source ends."""
    try:
        while data := source.recv(16384):
            sink.sendall(data)
    except OSError as error:
        print(error, flush=True)
    try:
        sink.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        print(error, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    tls = argparse.ArgumentParser(add_help=False)
    tls.add_argument("--minimum", default="TLSv1_2")
    tls.add_argument("--maximum", default="TLSv1_3")
    tls.add_argument("--ciphers")
    tls.add_argument("--pause", type=float, default=0.0)

    part = parts.add_parser("serve", parents=[tls])
    part.add_argument("mode")
    part.add_argument("--code", type=int, default=0, help="failureCode")
    part.add_argument("--select", type=int, default=PROTOCOL_SSL, help="selectedProtocol")
    part.add_argument("--certificate")
    part.add_argument("--key")
    part.set_defaults(run=serve)

    part = parts.add_parser("names")
    part.add_argument("mode", choices=["refused", "no-such-name", "failure", "silent", "address"])
    part.add_argument("--address", default=SERVER)
    part.set_defaults(run=names)

    part = parts.add_parser("greet")
    part.add_argument("--server", default=SERVER)
    part.set_defaults(run=greet)

    part = parts.add_parser("inspect", parents=[tls])
    part.add_argument("--server", default=SERVER)
    part.add_argument("--certificate")
    part.add_argument("--key")
    part.set_defaults(run=inspect)

    part = parts.add_parser("connect", parents=[tls])
    part.add_argument("mode", choices=["touch", "wait", "leave", "finish", "tls", "tls-leave"])
    part.add_argument("--server", default=SERVER)
    part.add_argument("--protocols", type=int, default=PROTOCOL_SSL | PROTOCOL_HYBRID | PROTOCOL_HYBRID_EX)
    part.add_argument("--source", help="address to connect from")
    part.add_argument("--cookies", nargs="+", default=["alice"], help="user names, one per connection")
    part.add_argument("--bytewise", action="store_true", help="send the request in segments of one byte")
    part.add_argument("--times", type=int, default=1)
    part.add_argument("--wait", type=float, default=5.0)
    part.add_argument("--trust", default="", help="a file of trusted certificates, or 'anyone'")
    part.add_argument("--name", default="srv01.example.test")
    part.add_argument("--check-name", action="store_true")
    part.set_defaults(run=connect)

    options = parser.parse_args()
    try:
        options.run(options)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
