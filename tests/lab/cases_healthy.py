"""Cases with nothing wrong, or nothing that mattered."""

import time

from catalogue import collector
from net import CLIENT_6, SERVER_6

CASES, case = collector()
CONFIRMED_NLA = "rdp.negReq.selectedProtocol==2 || rdp.negReq.selectedProtocol==8"
CONFIRMED_TLS = "rdp.negReq.selectedProtocol==1"
# A TLS 1.2 server flight: ServerHello and Certificate in clear.
CERTIFICATE = "tcp.payload[0:3]==16:03:03 && tcp.payload[5]==2"
FAILED = "rdp.neg_type==3"


@case("healthy-nla")
def healthy_nla(lab):
    """A session with NLA that opens, lives for a moment and is closed by its user.

    xfreerdp (`/enforce-tlsv1_2`) logs on to freerdp-shadow with CredSSP (NTLM) over TLS 1.2 and closes its window two
    seconds later. The client ends with close_notify, FIN and, in answer to the server's close_notify, RST: that is its
    normal end.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.session("/sec:nla", "/enforce-tlsv1_2")
    lab.expect(kind="healthy", reached="session", frames=[CONFIRMED_NLA, CERTIFICATE])


@case("healthy-tls")
def healthy_tls(lab):
    """A session with TLS security and no NLA.

    xfreerdp connects to the login window of xrdp (`security_layer=tls`, TLS 1.2) and its user closes the window.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.capture("client")
    lab.programs.session("/sec:tls", password=None)
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_TLS)


@case("healthy-legacy")
def healthy_legacy(lab):
    """A session with the old RDP security, no TLS at all.

    rdesktop offers NLA, TLS and plain RDP; xrdp (`security_layer=rdp`) selects 0, and everything that follows is TPKT
    and fast-path in clear framing with RC4 inside. The user presses Escape in the login window and the server ends the
    session with a disconnect ultimatum in clear.
    """
    lab.used += ["rdesktop", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("rdp")
    lab.capture("client")
    client = lab.programs.rdesktop()
    lab.programs.window()
    time.sleep(2)
    lab.programs.press("Escape")
    lab.programs.wait(client, 10)
    lab.expect(
        kind="healthy",
        reached="session",
        frames=["rdp.negReq.selectedProtocol==0", "tcp.payload[7:2]==21:80 && ip.src==198.51.100.20"],
    )
    lab.never("tcp.payload[0:2]==16:03")


@case("healthy-with-loss")
def healthy_with_loss(lab):
    """A session that works although the path loses about every twentieth segment with data.

    The link drops 5 % of the TCP segments with data, in both directions. Everything lost is sent again and the user
    closes the window in good order.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--loss", 5, "--seed", 7])
    lab.programs.xrdp("tls")
    lab.capture("client")
    lab.programs.session("/sec:tls", password=None)
    lab.expect(
        kind="healthy",
        reached="session",
        frames=[CONFIRMED_TLS, "tcp.analysis.retransmission || tcp.analysis.lost_segment || tcp.analysis.out_of_order"],
        remarks=["packet-loss"],
    )


@case("healthy-fallback")
def healthy_fallback(lab):
    """A client that falls back to the old RDP security and then works.

    freerdp-shadow allows only RDP security. xfreerdp asks for NLA and TLS first and gets negotiation failure 2, asks
    again with less on a new connection, and has its session in the end. The failures harmed nobody.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("rdp")
    lab.capture("client")
    lab.programs.session()
    lab.expect(kind="healthy", reached="session", frames=FAILED, remarks=["neg-failure-2-ssl-not-allowed"])


@case("healthy-tls13")
def healthy_tls13(lab):
    """A session with NLA over TLS 1.3: nothing of the certificate and no later alert is readable.

    xfreerdp and freerdp-shadow, as in healthy-nla, both free to use TLS 1.3.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)


@case("healthy-high-latency")
def healthy_high_latency(lab):
    """A session over a path with a round trip of 250 ms: slow, and nothing is wrong with it.

    The link holds every frame for 125 ms. No segment is lost.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up(link=["--delay", 125])
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA, remarks=["high-latency"])


@case("healthy-reordered")
def healthy_reordered(lab):
    """A session over a path that delivers some segments in another order.

    The link holds every fifth segment with data for 4 ms, so that later ones overtake it. No segment is lost.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(link=["--reorder", 5])
    lab.programs.xrdp("tls")
    lab.capture("client")
    lab.programs.session("/sec:tls", password=None)
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_TLS)
    lab.shows("tcp.analysis.out_of_order || tcp.analysis.lost_segment")


@case("client-left-or-probe")
def client_left_or_probe(lab):
    """A probe, then a session of the same user: the client was asking for the password in between.

    A first connection asks for NLA, gets its confirm and is reset by the client. 1.5 s later xfreerdp connects and
    works. Nothing failed.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11", "python3"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.speak("connect", "leave")
    time.sleep(1.5)
    lab.programs.session("/sec:nla")
    reset = "tcp.flags.reset==1 && ip.src==192.0.2.10 && tcp.stream==0"
    lab.expect(kind="healthy", reached="session", frames=[reset], remarks=["client-left-or-probe"])


@case("healthy-duplicated")
def healthy_duplicated(lab):
    """A session over a path that delivers every fourth segment with data twice.

    The second copy comes within microseconds and is the same packet (same IP id): no retransmission and no fault.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up(link=["--duplicate", 4])
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)
    lab.shows("tcp.analysis.retransmission")


@case("healthy-offloads")
def healthy_offloads(lab):
    """A session captured on a client that leaves checksums and segmentation to its adapter.

    Every TCP segment sent by the client carries an unfinished checksum in the capture. The network saw right ones.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up(offloads=True)
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)
    lab.shows("tcp.checksum.status==0 && ip.src==192.0.2.10")


@case("healthy-server-side")
def healthy_server_side(lab):
    """A session captured on the server.

    xfreerdp and freerdp-shadow with NLA over TLS 1.3; the capture was taken behind the router, on the server.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("server")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)


@case("healthy-ipv6")
def healthy_ipv6(lab):
    """A session over IPv6.

    xfreerdp and xrdp with TLS 1.2, from 2001:db8:2::10 to 2001:db8:100::20. The user closes the window.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up(ipv6=True)
    lab.programs.xrdp("tls")
    time.sleep(2)
    lab.capture("client")
    lab.programs.session("/sec:tls", server=f"[{SERVER_6}]", password=None)
    lab.expect(
        kind="healthy",
        reached="session",
        frames=CONFIRMED_TLS,
        client=CLIENT_6,
        server=f"[{SERVER_6}]:3389",
    )


@case("healthy-other-port")
def healthy_other_port(lab):
    """A session with a server that listens on 33890.

    freerdp-shadow on another port; nothing but the content says that this is RDP.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.port = 33890
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.session("/sec:nla")
    lab.expect(
        kind="healthy",
        reached="session",
        frames="tcp.payload[5]==d0 && tcp.srcport==33890",
        server="198.51.100.20:33890",
    )


@case("healthy-snaplen")
def healthy_snaplen(lab):
    """A session of which the capture kept only the first 128 bytes of every frame.

    Nothing is wrong with the connection; what was cut is a limit of the capture.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client", snaplen=128)
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)
    lab.shows("frame.cap_len < frame.len")


@case("healthy-started-late")
def healthy_started_late(lab):
    """A session whose beginning was not captured.

    The capture starts two seconds after the session; its user moves the mouse and closes the window in good order.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    client = lab.programs.open("/sec:nla")
    lab.capture("client")
    lab.programs.paint(0.6)
    lab.programs.move_mouse(1.0)
    lab.programs.end(client)
    lab.expect(kind="healthy", reached="session", frames=[])
    lab.never("tcp.flags.syn==1")


@case("refused-then-healthy")
def refused_then_healthy(lab):
    """A user who comes too early, and again ten seconds later: two incidents.

    At the first attempt nothing listens on 3389. Then xrdp is started and the second attempt works.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    certificate = lab.programs.certificate()
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 10)
    time.sleep(8)
    lab.programs.xrdp("tls", certificate=certificate)
    lab.programs.session("/sec:tls", password=None)
    lab.expect(
        cause="port-closed-or-device-reset",
        strength="stated",
        reached="transport",
        frames="tcp.flags.reset==1 && tcp.ack==1 && tcp.seq==1 && ip.src==198.51.100.20",
    )
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_TLS)


@case("healthy-both-sides")
def healthy_both_sides(lab):
    """A session captured on the client and on the server, both in one file with two interfaces.

    Every packet is there twice, with another TTL: once as it left, once as it arrived. Nothing is a retransmission.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.capture("server")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)


@case("healthy-any-interface")
def healthy_any_interface(lab):
    """A session captured on all interfaces at once: frames with the Linux "cooked" header instead of Ethernet."""
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client", interface="any")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)


@case("healthy-fragmented")
def healthy_fragmented(lab):
    """A session on a path that cuts large packets, and all pieces arrive.

    The client sends without the don't-fragment bit and the router's way to the server takes 480 bytes. Captured on the
    server: the large NLA tokens come as two fragments.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.net.set("client", "net.ipv4.ip_no_pmtu_disc", 1)
    lab.net.on("router", *"ip route change 198.51.100.0/24 dev eth1 src 198.51.100.1 mtu lock 480".split())
    lab.programs.shadow("nla")
    lab.capture("server")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=[CONFIRMED_NLA])
    lab.never("icmp")
    lab.shows("ip.flags.mf==1")


@case("nla-refused-then-healthy")
def nla_refused_then_healthy(lab):
    """A mistyped password, and the right one eight seconds later: two incidents.

    xfreerdp and freerdp-shadow with NLA. The first attempt is refused after the third token (xfreerdp tries twice), the
    second one works.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla", password="wrong-2031"), 10)
    time.sleep(8)
    lab.programs.session("/sec:nla")
    lab.expect(
        kind="undetermined",
        cause="nla-refused-reason-not-visible",
        strength="inferred",
        reached="authentication",
        frames="tcp.flags.fin==1 && ip.src==198.51.100.20 && tcp.stream<2",
    )
    lab.expect(kind="healthy", reached="session", frames="rdp.neg_type==2 && tcp.stream==2")


@case("healthy-syn-lost")
def healthy_syn_lost(lab):
    """A session whose first SYN got lost: a second later the second one is answered. No fault.

    The link drops the first TCP segment of all and nothing after it.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up(link=["--lose-first", 1])
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.session("/sec:nla")
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_NLA)
    lab.shows("tcp.flags.syn==1 && tcp.flags.ack==0 && tcp.analysis.retransmission")


@case("healthy-idle")
def healthy_idle(lab):
    """A session in which nothing is said for two minutes, and which then goes on.

    rdesktop, which sends no keep-alives, at the login window of xrdp (TLS 1.2). After 120 silent seconds the user moves
    the mouse and presses Escape; the server ends the session in good order.
    """
    lab.used += ["rdesktop", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls", keepalive="false")
    lab.capture("client")
    client = lab.programs.rdesktop()
    lab.programs.window()
    time.sleep(120)
    lab.programs.move_mouse(1.0)
    lab.programs.press("Escape")
    lab.programs.wait(client, 10)
    lab.expect(kind="healthy", reached="session", frames=CONFIRMED_TLS)
