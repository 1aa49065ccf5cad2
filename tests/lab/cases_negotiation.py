"""Cases that end in the X.224 negotiation, and clients that never mean to go further."""

from catalogue import collector

CASES, case = collector()
REQUEST = "rdp.neg_type==1"
FAILURE = "rdp.neg_type==3"


@case("three-clients")
def three_clients(lab):
    """Three clients of one server within a few seconds: a session, a refusal, and one that only looks in.

    192.0.2.10 (xfreerdp) has a session with freerdp-shadow (NLA). Meanwhile 192.0.2.11 asks for TLS without NLA and
    gets failure code 5, and 192.0.2.12 resets its connection after the confirm.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11", "python3"]
    lab.net.up()
    lab.net.address("client", "eth0", "192.0.2.11/24")
    lab.net.address("client", "eth0", "192.0.2.12/24")
    lab.programs.shadow("nla")
    lab.capture("client")
    session = lab.programs.open("/sec:nla")
    lab.programs.speak("connect", "finish", "--protocols", 1, "--source", "192.0.2.11", "--cookies", "bob")
    lab.programs.speak("connect", "leave", "--source", "192.0.2.12", "--cookies", "carol")
    lab.programs.end(session)
    lab.expect(kind="healthy", reached="session", frames="rdp.neg_type==2 && ip.dst==192.0.2.10")
    lab.expect(
        cause="neg-failure-5-nla-required",
        strength="stated",
        blame="client",
        reached="negotiation",
        frames=FAILURE,
        client="192.0.2.11",
    )
    lab.expect(
        kind="healthy",
        reached="negotiation",
        frames="tcp.flags.reset==1 && ip.src==192.0.2.12",
        remarks=["client-left-or-probe"],
        client="192.0.2.12",
    )


@case("brute-force-storm")
def brute_force_storm(lab):
    """One address tries many user names within a minute and never stays.

    A Python client connects to freerdp-shadow twenty-four times, 0.5 seconds apart, with twelve names in turn in the cookie,
    finishes TLS and resets, as password guessers do that look at the certificate first.
    """
    lab.used += ["freerdp2-shadow-x11", "python3"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("server")
    names = ["admin", "test", "user", "backup", "sql", "scan", "guest", "office", "kasse", "root", "support", "azure"]
    lab.programs.speak(
        *("connect", "tls-leave", "--times", 24, "--pause", 0.5, "--trust", "anyone", "--cookies", *names)
    )
    lab.expect(cause="brute-force-storm", strength="inferred", blame="client", reached="tls", frames=REQUEST)


@case("neg-failure-1-ssl-required")
def neg_failure_1(lab):
    """The server wants TLS and the client asks for plain RDP security.

    freerdp-shadow with `/sec:tls`; the client asks for protocol 0 and gets failure code 1.
    """
    lab.used += ["freerdp2-shadow-x11", "python3"]
    lab.net.up()
    lab.programs.shadow("tls")
    lab.capture("client")
    lab.programs.speak("connect", "finish", "--protocols", 0)
    lab.expect(
        cause="neg-failure-1-ssl-required",
        strength="stated",
        blame="client",
        reached="negotiation",
        frames=FAILURE,
    )


@case("neg-failure-1-ssl-required--no-request")
def neg_failure_1_no_request(lab):
    """The server wants TLS and the client does not negotiate at all.

    freerdp-shadow with `/sec:tls`, xfreerdp with `/sec:rdp`: the connection request carries a cookie and no negotiation
    request, as from the oldest clients; the confirm carries failure code 1 nevertheless.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("tls")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:rdp"), 20)
    lab.expect(
        cause="neg-failure-1-ssl-required", strength="stated", blame="client", reached="negotiation", frames=FAILURE
    )
    lab.never(REQUEST)


@case("neg-failure-5-nla-required--no-request")
def neg_failure_5_no_request(lab):
    """The server wants NLA and the client does not negotiate at all.

    freerdp-shadow with `/sec:nla`, xfreerdp with `/sec:rdp`: a connection request without a negotiation request is
    answered with failure code 5.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:rdp"), 20)
    lab.expect(
        cause="neg-failure-5-nla-required", strength="stated", blame="client", reached="negotiation", frames=FAILURE
    )
    lab.never(REQUEST)


@case("neg-failure-2-ssl-not-allowed")
def neg_failure_2(lab):
    """The server allows no TLS and the client insists on it.

    freerdp-shadow with `/sec:rdp`, xfreerdp with `/sec:tls`: failure code 2, and no fallback works.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("rdp")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 20)
    lab.expect(cause="neg-failure-2-ssl-not-allowed", strength="stated", reached="negotiation", frames=FAILURE)


@case("neg-failure-5-nla-required")
def neg_failure_5(lab):
    """The server wants NLA and the client offers only TLS.

    freerdp-shadow with `/sec:nla`, xfreerdp with `/sec:tls`: failure code 5.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 20)
    lab.expect(
        cause="neg-failure-5-nla-required", strength="stated", blame="client", reached="negotiation", frames=FAILURE
    )


def scripted_failure(lab, code):
    """xfreerdp meets a server that answers with one failure code."""
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "failure", "--code", code)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla"), 20)


@case("neg-failure-3-no-certificate--recorded")
def neg_failure_3(lab):
    """The server has no certificate it could use.

    A Python program plays the server: it answers the request with failure code 3. The client is xfreerdp with NLA.
    """
    scripted_failure(lab, 3)
    lab.expect(
        cause="neg-failure-3-no-certificate", strength="stated", blame="server", reached="negotiation", frames=FAILURE
    )


@case("neg-failure-4-inconsistent-flags--recorded")
def neg_failure_4(lab):
    """The server finds the flags of the request inconsistent.

    A Python program plays the server: it answers the request with failure code 4. The client is xfreerdp with NLA;
    its request is in fact consistent, the code is what counts.
    """
    scripted_failure(lab, 4)
    lab.expect(
        cause="neg-failure-4-inconsistent-flags",
        strength="stated",
        blame="client",
        reached="negotiation",
        frames=FAILURE,
    )


@case("neg-failure-6-tls-client-certificate-required--recorded")
def neg_failure_6(lab):
    """The server wants a client certificate.

    A Python program plays the server: it answers the request with failure code 6. The client is xfreerdp with NLA.
    """
    scripted_failure(lab, 6)
    lab.expect(
        cause="neg-failure-6-tls-client-certificate-required",
        strength="stated",
        blame="client",
        reached="negotiation",
        frames=FAILURE,
    )


@case("no-cc")
def no_cc(lab):
    """The request is acknowledged by the server's kernel and never answered.

    A Python program accepts the connection, reads the request and says nothing. The client waits eight seconds and
    closes.
    """
    lab.used += ["python3"]
    lab.net.up()
    lab.programs.speaker("serve", "silent")
    lab.capture("client")
    lab.programs.speak("connect", "wait", "--wait", 8)
    lab.expect(kind="undetermined", cause="no-cc", strength="inferred", reached="negotiation", frames=REQUEST)
    lab.never("tcp.len>0 && ip.src==198.51.100.20")


@case("no-cc--closed")
def no_cc_closed(lab):
    """The request is acknowledged, then the server closes without an answer.

    A Python program reads the request and closes with FIN 50 ms later. The client is xfreerdp.
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "close", "--pause", 0.05)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(), 20)
    lab.expect(kind="undetermined", cause="no-cc", strength="inferred", reached="negotiation", frames=REQUEST)
    lab.never("tcp.len>0 && ip.src==198.51.100.20")


@case("not-rdp")
def not_rdp(lab):
    """Something else listens on 3389: it speaks first, and it speaks SSH.

    A Python program sends an SSH banner on accept and a complaint after the request. The client is xfreerdp.
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "banner")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(), 20)
    lab.expect(
        cause="not-rdp",
        strength="stated",
        reached="transport",
        frames="tcp.payload[0:4]==53:53:48:2d && ip.src==198.51.100.20",
    )


@case("not-rdp--http")
def not_rdp_http(lab):
    """Something else listens on 3389: it answers the request with HTTP.

    A Python program answers "HTTP/1.1 400 Bad Request" and closes. The client is xfreerdp.
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "web")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp(), 20)
    lab.expect(
        cause="not-rdp",
        strength="stated",
        reached="transport",
        frames="tcp.payload[0:4]==48:54:54:50 && ip.src==198.51.100.20",
    )
