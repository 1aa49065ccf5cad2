"""Cases that end before the server has taken a request: no name, no address, no answer, a refusal, a deaf path."""

import time

from catalogue import collector

CASES, case = collector()
SYN = "tcp.flags.syn==1 && tcp.flags.ack==0 && !icmp"


@case("dns-failure")
def dns_failure(lab):
    """The name of the server does not exist.

    xfreerdp asks for `srv01.example.test`; the name server 192.0.2.1 answers "no such name" (rcode 3). No connection
    is tried. The name server is a small Python program; the resolver is the one of the C library.
    """
    lab.used += ["freerdp2-x11", "python3"]
    (lab.net.etc("client") / "resolv.conf").write_text("nameserver 192.0.2.1\noptions timeout:2 attempts:2\n")
    lab.net.up()
    lab.net.start("router", *lab.programs.python("names", "no-such-name"))
    time.sleep(0.5)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server="srv01.example.test"), 20)
    lab.args = ["--target", "srv01.example.test"]
    lab.expect(
        cause="dns-failure",
        strength="stated",
        reached="name",
        server="srv01.example.test:3389",
        frames="dns.flags.rcode==3",
    )
    lab.never("tcp")


@case("dns-failure--silent")
def dns_failure_silent(lab):
    """The name server does not answer.

    As dns-failure, but the name server takes the questions and says nothing. The resolver repeats and gives up.
    """
    lab.used += ["freerdp2-x11", "python3"]
    (lab.net.etc("client") / "resolv.conf").write_text("nameserver 192.0.2.1\noptions timeout:2 attempts:2\n")
    lab.net.up()
    lab.net.start("router", *lab.programs.python("names", "silent"))
    time.sleep(0.5)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server="srv01.example.test"), 30)
    lab.args = ["--target", "srv01.example.test"]
    lab.expect(
        cause="dns-failure",
        strength="inferred",
        reached="name",
        server="srv01.example.test:3389",
        frames="dns.flags.response==0",
    )
    lab.never("tcp", "dns.flags.response==1")


@case("dns-failure--server-failure")
def dns_failure_server(lab):
    """The name server cannot answer.

    As dns-failure, but the name server answers "server failure" (rcode 2), as one does that cannot reach its own
    sources.
    """
    lab.used += ["freerdp2-x11", "python3"]
    (lab.net.etc("client") / "resolv.conf").write_text("nameserver 192.0.2.1\noptions timeout:2 attempts:2\n")
    lab.net.up()
    lab.net.start("router", *lab.programs.python("names", "failure"))
    time.sleep(0.5)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server="srv01.example.test"), 20)
    lab.args = ["--target", "srv01.example.test"]
    lab.expect(
        cause="dns-failure",
        strength="stated",
        reached="name",
        server="srv01.example.test:3389",
        frames="dns.flags.rcode==2",
    )
    lab.never("tcp")


@case("host-unreachable")
def host_unreachable(lab):
    """Nobody has the address: ARP in the client's own segment is not answered.

    xfreerdp tries 192.0.2.77, an address of its own network that no machine holds. No SYN leaves the client; the
    kernel asks for the hardware address three times and gives up.
    """
    lab.used += ["freerdp2-x11"]
    lab.net.up()
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server="192.0.2.77"), 20)
    lab.args = ["--target", "192.0.2.77"]
    lab.expect(
        cause="host-unreachable",
        strength="inferred",
        reached="transport",
        server="192.0.2.77:3389",
        frames="arp.opcode==1 && arp.dst.proto_ipv4==192.0.2.77",
    )
    lab.never("tcp", "arp.opcode==2 && arp.src.proto_ipv4==192.0.2.77")


@case("host-unreachable--icmp")
def host_unreachable_icmp(lab):
    """The router says that the host cannot be reached.

    xfreerdp tries 198.51.100.77 in the server's network, where no machine holds that address. The router gets no
    answer to its ARP requests and sends ICMP 3/1 that quotes the SYN.
    """
    lab.used += ["freerdp2-x11"]
    lab.net.up()
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(server="198.51.100.77"), 20)
    lab.expect(
        cause="host-unreachable",
        strength="stated",
        reached="transport",
        server="198.51.100.77:3389",
        frames="icmp.type==3 && icmp.code==1",
    )


def drop(lab):
    """The server's own packet filter drops what comes for 3389."""
    lab.net.on("server", "nft", "add table inet lab")
    lab.net.on("server", "nft", "add chain inet lab input { type filter hook input priority 0 ; }")
    lab.net.on("server", "nft", "add rule inet lab input tcp dport 3389 drop")


@case("firewall-drop")
def firewall_drop(lab):
    """The host is alive and the port is silent.

    The server answers ping, then xfreerdp tries 3389, where the packet filter of the server (nftables) drops
    everything without a word. xrdp is running behind it. The SYN is repeated until the client gives up.
    """
    lab.used += ["freerdp2-x11", "xrdp", "nftables"]
    lab.net.up()
    lab.programs.xrdp("tls")
    drop(lab)
    lab.capture("client")
    lab.net.on("client", "ping", "-c", "2", "-i", "0.5", "198.51.100.20")
    lab.programs.wait(lab.programs.xfreerdp(), 30)
    lab.expect(cause="firewall-drop", strength="inferred", reached="transport", frames=[SYN])
    lab.never("tcp && ip.src==198.51.100.20")


@case("firewall-drop--server-side")
def firewall_drop_server_side(lab):
    """As firewall-drop, seen from the server: the SYN arrives at the host and the host says nothing.

    The capture point lies before the packet filter of the server, so the SYNs are there.
    """
    lab.used += ["freerdp2-x11", "xrdp", "nftables"]
    lab.net.up()
    lab.programs.xrdp("tls")
    drop(lab)
    lab.capture("server")
    lab.net.on("client", "ping", "-c", "2", "-i", "0.5", "198.51.100.20")
    lab.programs.wait(lab.programs.xfreerdp(), 30)
    lab.expect(cause="firewall-drop", strength="inferred", reached="transport", frames=[SYN])
    lab.never("tcp && ip.src==198.51.100.20")


@case("firewall-drop--both-sides")
def firewall_drop_both_sides(lab):
    """A packet filter in the router drops the SYN; captured on the client and on the server, both in one file.

    The host answers ping on the same path. The SYNs leave the client and never arrive at the server.
    """
    lab.used += ["freerdp2-x11", "xrdp", "nftables"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.net.on("router", "nft", "add table inet lab")
    lab.net.on("router", "nft", "add chain inet lab forward { type filter hook forward priority 0 ; }")
    lab.net.on("router", "nft", "add rule inet lab forward tcp dport 3389 drop")
    lab.capture("client")
    lab.capture("server")
    lab.net.on("client", "ping", "-c", "2", "-i", "0.5", "198.51.100.20")
    lab.programs.wait(lab.programs.xfreerdp(), 30)
    lab.expect(cause="firewall-drop", strength="inferred", reached="transport", frames=[SYN])
    lab.never("tcp && ip.src==198.51.100.20", "tcp && frame.interface_id==1")


@case("silence-alone")
def silence_alone(lab):
    """The SYN is not answered, and nothing else in the capture says whether the host lives.

    As firewall-drop without the ping before it: a filter, a host that is off and a wrong route all look like this, so
    nothing of them may be claimed.
    """
    lab.used += ["freerdp2-x11", "xrdp", "nftables"]
    lab.net.up()
    lab.programs.xrdp("tls")
    drop(lab)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(), 30)
    lab.expect(kind="undetermined", reached="transport", frames=[SYN])
    lab.never("ip.src==198.51.100.20")


@case("host-asleep")
def host_asleep(lab):
    """A host that does not answer, and does a moment later: it was woken.

    The link is dead during the first attempt, and the router keeps the host's hardware address, as it does when the
    sleeping adapter answers ARP itself. Ten seconds later the link lives and a second attempt works. The expectation
    here is for the packets alone: silence, which proves nothing. With the server's System log (sleep and wake) beside
    it the first incident becomes `host-asleep`.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.net.on("router", *"ip neigh replace 198.51.100.20 lladdr 02:00:c6:33:64:14 dev eth1 nud permanent".split())
    lab.capture("client")
    lab.net.command("dead")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla"), 30)
    time.sleep(10)
    lab.net.command("alive")
    lab.programs.session("/sec:nla")
    lab.expect(kind="undetermined", reached="transport", frames=[f"{SYN} && tcp.stream==0"])
    lab.expect(kind="healthy", reached="session", frames="rdp.neg_type==2")
    lab.never("icmp")


@case("rdp-disabled-or-other-port")
def other_port(lab):
    """The server listens on another port than the user believes.

    192.0.2.10 tries 3389 and gets RST; 192.0.2.11 knows better and has a session on 33890. The expectation here is for
    the packets alone. With the server's log (listener on 33890) beside it the first incident becomes
    `rdp-disabled-or-other-port`.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.net.address("client", "eth0", "192.0.2.11/24")
    lab.programs.port = 33890
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.port = 3389
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla"), 10)
    lab.programs.port = 33890
    lab.net.on("client", *"ip route change default via 192.0.2.1 src 192.0.2.11".split())
    lab.programs.session("/sec:nla")
    lab.expect(
        cause="port-closed-or-device-reset",
        strength="stated",
        reached="transport",
        frames="tcp.flags.reset==1 && tcp.srcport==3389",
    )
    lab.expect(
        kind="healthy",
        reached="session",
        frames="tcp.payload[5]==d0 && tcp.srcport==33890",
        client="192.0.2.11",
        server="198.51.100.20:33890",
    )


@case("firewall-reject")
def firewall_reject(lab):
    """A packet filter in the router refuses the connection and says so.

    nftables in the router rejects TCP 3389 with ICMP 3/13 (administratively prohibited). The ICMP quotes the SYN and
    comes from 192.0.2.1, which names the device.
    """
    lab.used += ["freerdp2-x11", "nftables"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.net.on("router", "nft", "add table inet lab")
    lab.net.on("router", "nft", "add chain inet lab forward { type filter hook forward priority 0 ; }")
    lab.net.on("router", "nft", "add rule inet lab forward tcp dport 3389 reject with icmpx type admin-prohibited")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(), 30)
    lab.expect(
        cause="firewall-reject",
        strength="stated",
        blame="middlebox",
        reached="transport",
        frames="icmp.type==3 && icmp.code==13",
    )


@case("port-closed-or-device-reset")
def port_closed(lab):
    """Nothing listens on 3389 and the host says so with RST.

    No server runs; the kernel of the server answers the SYN with RST+ACK. xfreerdp tries again a few milliseconds
    later. A ping before it shows the TTL of the host, which is the TTL of the RST.
    """
    lab.used += ["freerdp2-x11"]
    lab.net.up()
    lab.capture("client")
    lab.net.on("client", "ping", "-c", "1", "198.51.100.20")
    lab.programs.wait(lab.programs.xfreerdp(), 20)
    lab.expect(
        cause="port-closed-or-device-reset",
        strength="stated",
        reached="transport",
        frames="tcp.flags.reset==1 && ip.src==198.51.100.20",
    )


@case("port-closed-or-device-reset--device")
def reset_by_device(lab):
    """A device in the path refuses the connection with RST in the server's name.

    xrdp is running; nftables in the router rejects TCP 3389 with a reset. A ping before it shows the TTL of the host
    (63), the RST carries another (64) and comes sooner.
    """
    lab.used += ["freerdp2-x11", "xrdp", "nftables"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.net.on("router", "nft", "add table inet lab")
    lab.net.on("router", "nft", "add chain inet lab forward { type filter hook forward priority 0 ; }")
    lab.net.on("router", "nft", "add rule inet lab forward tcp dport 3389 reject with tcp reset")
    lab.capture("client")
    lab.net.on("client", "ping", "-c", "2", "-i", "0.5", "198.51.100.20")
    lab.programs.wait(lab.programs.xfreerdp(), 20)
    lab.expect(
        cause="port-closed-or-device-reset",
        strength="stated",
        reached="transport",
        frames="tcp.flags.reset==1 && ip.src==198.51.100.20 && ip.ttl==64",
    )


@case("data-dropped-after-handshake")
def data_dropped(lab):
    """The handshake passes, and then nothing the client says arrives.

    The link passes segments without data and drops every segment with data towards the server, however small. The
    request is repeated and never acknowledged.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--drop-data", "server"])
    lab.programs.xrdp("tls")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 30)
    lab.expect(
        cause="data-dropped-after-handshake",
        strength="inferred",
        reached="transport",
        frames=["tcp.len>0 && ip.src==192.0.2.10"],
    )


@case("syn-ack-lost")
def syn_ack_lost(lab):
    """The server answers and its answer does not arrive.

    The link drops every SYN-ACK. Captured on the server: SYN and SYN-ACK repeat, the client never acknowledges.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--drop-syn-ack"])
    lab.programs.xrdp("tls")
    lab.capture("server")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 30)
    lab.expect(
        cause="syn-ack-lost",
        strength="inferred",
        reached="transport",
        frames="tcp.flags.syn==1 && tcp.flags.ack==1",
    )
