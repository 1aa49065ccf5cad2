"""Cases in which the path is at fault."""

import time

from catalogue import collector
from net import CLIENT_6, SERVER_6

CASES, case = collector()
FROM_SERVER, FROM_CLIENT = "ip.src==198.51.100.20", "ip.src==192.0.2.10"
LARGE_FLIGHT = 30  # alternative names that make the certificate larger than one segment


@case("packet-loss")
def packet_loss(lab):
    """The path dies in the middle of a session.

    The link forwards nothing any more while the user moves the mouse. The client repeats its segments with growing
    pauses; after nine seconds xfreerdp's own limit (TCP user timeout) ends the connection without FIN or RST.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    lab.programs.move_mouse(0.5)
    lab.net.command("dead")
    lab.programs.move_mouse(1.2)
    lab.programs.wait(client, 25)
    lab.expect(
        cause="packet-loss",
        strength="inferred",
        blame="network",
        reached="session",
        frames=f"tcp.analysis.rto>0.15 && {FROM_CLIENT}",
    )


@case("packet-loss--server-side")
def packet_loss_server_side(lab):
    """The path dies in the middle of a session, seen from the server that has much to send.

    As packet-loss, but the shared screen changes; the server's kernel gives up after five repeats as Windows does.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.net.set("server", "net.ipv4.tcp_retries2", 5)
    lab.programs.shadow("nla")
    lab.capture("server")
    client = lab.programs.open("/sec:nla")
    lab.programs.paint(0.6)
    lab.net.command("dead")
    lab.programs.paint(2.0)
    time.sleep(20)
    lab.programs.wait(client, 1)
    lab.expect(
        cause="packet-loss",
        strength="inferred",
        blame="network",
        reached="session",
        frames=f"tcp.analysis.rto>0.15 && {FROM_SERVER}",
    )


@case("packet-loss--during-tls")
def packet_loss_during_tls(lab):
    """The path dies just after the ClientHello.

    The link forwards the request, the confirm and the ClientHello and nothing after them. The server repeats its
    flight, full-size segment and small tail alike, and hears nothing: this is no black hole for large packets only.
    Captured on the server.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--dead-after", 3])
    lab.net.set("server", "net.ipv4.tcp_retries2", 5)
    lab.programs.xrdp("tls", certificate=lab.programs.certificate(names=LARGE_FLIGHT))
    lab.capture("server")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 20)
    lab.expect(
        cause="packet-loss",
        strength="inferred",
        blame="network",
        reached="tls",
        frames=f"tcp.analysis.rto>0.15 && {FROM_SERVER}",
    )


@case("mtu-black-hole--session")
def mtu_black_hole_session(lab):
    """Large packets vanish on the way, and only the session has large packets.

    The link drops every IP packet longer than 1300 bytes, silently. The TLS flight fits, the first picture does not: its
    full-size segments are repeated and never acknowledged while smaller ones arrive. Captured on the server.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--drop-larger", 1300])
    lab.programs.xrdp("tls")
    lab.capture("server")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 20)
    lab.expect(
        cause="mtu-black-hole",
        strength="inferred",
        reached="session",
        frames=f"tcp.analysis.retransmission && ip.len>1300 && ip.flags.df==1 && {FROM_SERVER}",
    )
    lab.never("icmp")


@case("mtu-black-hole--client-side")
def mtu_black_hole_client_side(lab):
    """As mtu-black-hole, captured on the client: the full-size segment is never seen, the client asks for it in vain.

    The small tail of the server's flight arrives; the client's duplicate ACK names the missing piece (SACK), which is
    as long as a full-size segment. Keep-alives are answered for 20 seconds.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--drop-larger", 1300])
    lab.programs.xrdp("tls", certificate=lab.programs.certificate(names=LARGE_FLIGHT))
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 20)
    lab.expect(
        cause="mtu-black-hole",
        strength="inferred",
        reached="tls",
        frames=["tcp.analysis.lost_segment", "tcp.options.sack.count>0"],
    )
    lab.never("icmp")


@case("mtu-black-hole")
def mtu_black_hole(lab):
    """Large packets vanish on the way and nobody says so.

    The link drops every IP packet longer than 1300 bytes, silently. The handshake, the negotiation and the ClientHello
    pass; the full-size segment of the server's TLS flight is repeated and never acknowledged, while its small tail
    arrives (SACK). Captured on the server.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--drop-larger", 1300])
    lab.programs.xrdp("tls", certificate=lab.programs.certificate(names=LARGE_FLIGHT))
    lab.capture("server")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 20)
    lab.expect(
        cause="mtu-black-hole",
        strength="inferred",
        reached="tls",
        frames=f"tcp.analysis.retransmission && ip.len>1300 && ip.flags.df==1 && {FROM_SERVER}",
    )
    lab.never("icmp")


@case("mtu-icmp-ignored")
def mtu_icmp_ignored(lab):
    """A router asks for smaller packets and the server does not listen.

    The router's way to the client takes 1300 bytes; it answers the server's larger segments with ICMP 3/4. A packet
    filter (nftables) on the server drops ICMP, so the server repeats at the old size. Captured on the server, before
    its filter.
    """
    lab.used += ["freerdp2-x11", "xrdp", "nftables"]
    lab.net.up()
    lab.net.on("router", *"ip route change 192.0.2.0/24 dev eth0 src 192.0.2.1 mtu lock 1300".split())
    lab.net.on("server", "nft", "add table inet lab")
    lab.net.on("server", "nft", "add chain inet lab input { type filter hook input priority 0 ; }")
    lab.net.on("server", "nft", "add rule inet lab input ip protocol icmp drop")
    lab.programs.xrdp("tls", certificate=lab.programs.certificate(names=LARGE_FLIGHT))
    lab.capture("server")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 20)
    lab.expect(
        cause="mtu-icmp-ignored",
        strength="stated",
        blame="server",
        reached="tls",
        frames="icmp.type==3 && icmp.code==4",
    )


@case("healthy-mtu-learned")
def healthy_mtu_learned(lab):
    """A router asks for smaller packets and the server obeys: no fault.

    As mtu-icmp-ignored without the packet filter: one ICMP 3/4, then smaller segments, then a session.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.net.on("router", *"ip route change 192.0.2.0/24 dev eth0 src 192.0.2.1 mtu lock 1300".split())
    lab.programs.xrdp("tls", certificate=lab.programs.certificate(names=LARGE_FLIGHT))
    lab.capture("server")
    lab.programs.session("/sec:tls", password=None)
    lab.expect(kind="healthy", reached="session", frames="icmp.type==3 && icmp.code==4")


@case("ip-fragments-lost")
def ip_fragments_lost(lab):
    """Packets are cut on the way and only their first pieces arrive.

    The client sends without the don't-fragment bit, the router's way to the server takes 480 bytes, and the link drops
    every fragment but the first. The large third NLA token never becomes whole; after three seconds the server sends
    ICMP 11/1 (fragment reassembly time exceeded). Captured on the server.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up(link=["--drop-later-fragments"])
    lab.net.set("client", "net.ipv4.ip_no_pmtu_disc", 1)
    lab.net.set("server", "net.ipv4.ipfrag_time", 3)
    lab.net.on("router", *"ip route change 198.51.100.0/24 dev eth1 src 198.51.100.1 mtu lock 480".split())
    lab.programs.shadow("nla")
    lab.capture("server")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla"), 20)
    lab.expect(
        cause="ip-fragments-lost",
        strength="stated",
        reached="authentication",
        frames=["ip.flags.mf==1 && !icmp", "icmp.type==11 && icmp.code==1"],
    )


@case("segments-corrupted")
def segments_corrupted(lab):
    """Segments arrive damaged.

    In the middle of a session the link begins to damage one byte of every segment with data. What arrives at the
    server has a wrong TCP checksum, is dropped by its kernel and sent again, damaged again. Captured on the server.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("server")
    client = lab.programs.open("/sec:nla")
    lab.net.command("corrupt")
    lab.programs.move_mouse(1.2)
    lab.programs.wait(client, 25)
    lab.expect(
        cause="segments-corrupted",
        strength="inferred",
        blame="network",
        reached="session",
        frames=f"tcp.len>0 && tcp.analysis.retransmission && {FROM_CLIENT}",
    )


@case("firewall-reject--ipv6")
def firewall_reject_ipv6(lab):
    """A packet filter in the router refuses the connection over IPv6 and says so.

    nftables in the router rejects TCP 3389 with ICMPv6 1/1 (administratively prohibited).
    """
    lab.used += ["freerdp2-x11", "nftables"]
    lab.net.up(ipv6=True)
    lab.programs.xrdp("tls")
    lab.net.on("router", "nft", "add table inet lab")
    lab.net.on("router", "nft", "add chain inet lab forward { type filter hook forward priority 0 ; }")
    lab.net.on("router", "nft", "add rule inet lab forward tcp dport 3389 reject with icmpx type admin-prohibited")
    time.sleep(2)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server=f"[{SERVER_6}]"), 20)
    lab.expect(
        cause="firewall-reject",
        strength="stated",
        blame="middlebox",
        reached="transport",
        frames="icmpv6.type==1 && icmpv6.code==1",
        client=CLIENT_6,
        server=f"[{SERVER_6}]:3389",
    )


@case("host-unreachable--ipv6")
def host_unreachable_ipv6(lab):
    """Nobody has the IPv6 address: neighbour solicitations in the client's own segment are not answered.

    xfreerdp tries 2001:db8:2::77, an address of its own network that no machine holds. No SYN leaves the client.
    """
    lab.used += ["freerdp2-x11"]
    lab.net.up(ipv6=True)
    time.sleep(2)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server="[2001:db8:2::77]"), 20)
    lab.args = ["--target", "2001:db8:2::77"]
    lab.expect(
        cause="host-unreachable",
        strength="inferred",
        reached="transport",
        frames="icmpv6.type==135 && icmpv6.nd.ns.target_address==2001:db8:2::77",
        client=CLIENT_6,
        server="[2001:db8:2::77]:3389",
    )
    lab.never("tcp")


@case("wrong-address")
def wrong_address(lab):
    """Two machines claim the address of the server.

    Two machines in the client's own network (a Linux bridge) hold 192.0.2.20 and answer the ARP request with their own
    hardware addresses. The client's SYN goes to one of them, where nothing listens on 3389.
    """
    lab.used += ["freerdp2-x11"]
    lab.net.up(neighbours={"one": "192.0.2.20/24", "two": "192.0.2.20/24"})
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server="192.0.2.20"), 20)
    lab.expect(
        cause="wrong-address",
        strength="inferred",
        reached="transport",
        frames="arp.opcode==2 && arp.src.proto_ipv4==192.0.2.20",
        server="192.0.2.20:3389",
    )


@case("high-latency")
def high_latency(lab):
    """The path is so slow that the client gives up, with nothing lost.

    The link holds every frame for 650 ms. xfreerdp and xrdp with TLS: the client's own time limit ends the attempt
    before the session begins.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--delay", 650])
    lab.programs.xrdp("tls")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 40)
    lab.expect(
        cause="high-latency",
        strength="inferred",
        blame="network",
        reached="settings",
        frames="tcp.flags.syn==1 && tcp.flags.ack==1",
    )


@case("client-network-change")
def client_network_change(lab):
    """The client changes its address in the middle of a session and comes back from the new one.

    192.0.2.10 is taken from the client, which gets 192.0.2.11 (as after a roam or a new lease). The server repeats its
    updates to the old address and gives up after five tries; three seconds after the change the same user connects from
    the new address. Captured on the server.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.net.set("server", "net.ipv4.tcp_retries2", 5)
    lab.programs.shadow("nla")
    lab.capture("server")
    first = lab.programs.open("/sec:nla")
    lab.net.on("client", *"ip address del 192.0.2.10/24 dev eth0".split())
    lab.net.address("client", "eth0", "192.0.2.11/24", "192.0.2.1")
    lab.programs.paint(1.0)
    time.sleep(2)
    lab.programs.wait(first, 0.1)
    second = lab.programs.xfreerdp("/sec:nla")
    time.sleep(12)
    lab.programs.end(second)
    lab.expect(
        cause="client-network-change",
        strength="inferred",
        blame="client",
        reached="session",
        frames=[f"tcp.analysis.rto>0.15 && {FROM_SERVER}", "tcp.flags.syn==1 && ip.src==192.0.2.11"],
    )
    lab.expect(
        kind="healthy",
        reached="session",
        frames="rdp.neg_type==2 && ip.dst==192.0.2.11",
        client="192.0.2.11",
    )


@case("udp-fallback")
def udp_fallback(lab):
    """A session whose client also tries UDP and gets no answer.

    xfreerdp has a session with freerdp-shadow. A Python program on the client sends the RDPEUDP SYN of a Windows client
    (1232 bytes) at 0, 3.5 and 6.2 seconds; the server's packet filter drops UDP 3389. Nothing fails. The UDP datagrams
    are built after the specification, not by a Windows client.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11", "python3", "nftables"]
    lab.net.up()
    lab.net.on("server", "nft", "add table inet lab")
    lab.net.on("server", "nft", "add chain inet lab input { type filter hook input priority 0 ; }")
    lab.net.on("server", "nft", "add rule inet lab input udp dport 3389 drop")
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    lab.programs.speak("greet")
    lab.programs.end(client)
    lab.expect(kind="healthy", reached="session", frames="udp.dstport==3389", remarks=["udp-fallback"])
