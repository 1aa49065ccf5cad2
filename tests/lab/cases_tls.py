"""Cases that end in TLS or in NLA."""

import time

from catalogue import collector

CASES, case = collector()
HELLO = "tcp.payload[0]==16 && tcp.payload[5]==1"
CONFIRM = "rdp.neg_type==2"
FATAL = "tcp.payload[0:2]==15:03 && tcp.payload[5]==2"


def alert(number, sender=None):
    """A fatal TLS alert in clear."""
    where = {"client": " && ip.src==192.0.2.10", "server": " && ip.src==198.51.100.20", None: ""}[sender]
    return f"tcp.payload[0:2]==15:03 && tcp.payload[5:2]==02:{number:02x}{where}"


@case("tls-version-mismatch")
def tls_version_mismatch(lab):
    """The server speaks only TLS 1.3 and the client at most TLS 1.2.

    xrdp with `ssl_protocols=TLSv1.3`, xfreerdp with `/enforce-tlsv1_2`. The server answers the ClientHello with
    alert 70 (protocol_version).
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls", protocols="TLSv1.3")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", "/enforce-tlsv1_2", password=None), 20)
    lab.expect(cause="tls-version-mismatch", strength="stated", reached="tls", frames=alert(70, "server"))


@case("tls-no-shared-cipher")
def tls_no_shared_cipher(lab):
    """Client and server have no cipher suite in common.

    xrdp allows one TLS 1.2 suite (AES-256), xfreerdp offers another (AES-128). The server answers the ClientHello with
    alert 40 (handshake_failure), then nine bytes of MCS in clear and a reset, which is a habit of xrdp.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls", ciphers="ECDHE-RSA-AES256-GCM-SHA384")
    lab.capture("client")
    client = lab.programs.xfreerdp(
        "/sec:tls", "/enforce-tlsv1_2", "/tls-ciphers:ECDHE-RSA-AES128-GCM-SHA256", password=None
    )
    lab.programs.wait(client, 20)
    lab.expect(cause="tls-no-shared-cipher", strength="stated", reached="tls", frames=alert(40, "server"))


@case("certificate-untrusted")
def certificate_untrusted(lab):
    """The client does not trust the self-signed certificate of the server.

    xrdp (TLS 1.2) and a Python client that checks certificates as OpenSSL does by default: it ends the handshake with
    alert 48 (unknown_ca). The certificate is readable, issuer and subject are equal.
    """
    lab.used += ["xrdp", "python3"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.capture("client")
    lab.programs.speak("connect", "tls", "--protocols", 1)
    lab.expect(cause="certificate-untrusted", strength="stated", reached="tls", frames=alert(48, "client"))


@case("certificate-untrusted--tls13")
def certificate_untrusted_tls13(lab):
    """As certificate-untrusted, over TLS 1.3: the certificate is hidden, the alert is not.

    The client had no keys of its own yet when it refused, so alert 48 is in clear text.
    """
    lab.used += ["xrdp", "python3"]
    lab.net.up()
    lab.programs.xrdp("tls", protocols="TLSv1.3")
    lab.capture("client")
    lab.programs.speak("connect", "tls", "--protocols", 1)
    lab.expect(cause="certificate-untrusted", strength="stated", reached="tls", frames=alert(48, "client"))


@case("certificate-dates")
def certificate_dates(lab):
    """The certificate of the server has expired.

    xrdp (TLS 1.2) with a certificate valid from 2024-01-01 to 2025-01-01; the Python client trusts its issuer and ends
    the handshake with alert 45 (certificate_expired).
    """
    lab.used += ["xrdp", "python3"]
    lab.net.up()
    certificate = lab.programs.certificate(start="20240101000000Z", end="20250101000000Z")
    lab.programs.xrdp("tls", certificate=certificate)
    lab.capture("client")
    lab.programs.speak("connect", "tls", "--protocols", 1, "--trust", certificate[0])
    lab.expect(
        cause="certificate-dates", strength="stated", blame="server", reached="tls", frames=alert(45, "client")
    )


@case("certificate-name")
def certificate_name(lab):
    """The certificate is for another name than the one the user typed.

    xrdp (TLS 1.2) with a certificate for `old-name.example.test`; the Python client trusts it, sends the server name
    `srv01.example.test` and ends the handshake with alert 42 (bad_certificate).
    """
    lab.used += ["xrdp", "python3"]
    lab.net.up()
    certificate = lab.programs.certificate(name="old-name.example.test")
    lab.programs.xrdp("tls", certificate=certificate)
    lab.capture("client")
    lab.programs.speak("connect", "tls", "--protocols", 1, "--trust", certificate[0], "--check-name")
    lab.expect(cause="certificate-name", strength="inferred", reached="tls", frames=[HELLO, alert(42, "client")])


@case("certificate-weak")
def certificate_weak(lab):
    """The key of the certificate is too short for the client.

    A Python server (OpenSSL, security level 0, TLS 1.2) with an RSA key of 1024 bits; the Python client trusts the
    certificate, but its OpenSSL asks for security level 2 and ends the handshake with an alert.
    """
    lab.used += ["python3"]
    lab.net.up()
    certificate, key = lab.programs.certificate(bits=1024)
    lab.programs.speaker(
        *("serve", "tls", "--certificate", certificate, "--key", key, "--maximum", "TLSv1_2"),
        *("--ciphers", "DEFAULT:@SECLEVEL=0"),
    )
    lab.capture("client")
    lab.programs.speak(
        *("connect", "tls", "--protocols", 1, "--trust", certificate, "--ciphers", "DEFAULT:@SECLEVEL=2")
    )
    lab.expect(
        cause="certificate-weak",
        strength="inferred",
        blame="server",
        reached="tls",
        frames=FATAL + " && ip.src==192.0.2.10",
    )


@case("closed-inside-tls-reason-not-visible--key")
def closed_inside_tls_key(lab):
    """The server cannot use its certificate and closes after every ClientHello.

    xrdp refuses its own certificate (an RSA key of 1024 bits) once a client says hello: no ServerHello, no alert, nine
    bytes of MCS in clear and a reset. Its log names the reason, the packets do not.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls", certificate=lab.programs.certificate(bits=1024))
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls", password=None), 20)
    lab.expect(
        kind="undetermined",
        cause="closed-inside-tls-reason-not-visible",
        strength="inferred",
        reached="tls",
        frames=[HELLO],
    )
    lab.never("tcp.payload[0:2]==15:03", "tcp.payload[0:2]==16:03 && ip.src==198.51.100.20")


@case("closed-inside-tls-reason-not-visible")
def closed_inside_tls(lab):
    """The server closes after the ClientHello and does not say why.

    A Python program confirms TLS, reads the ClientHello of xfreerdp and closes with FIN.
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "hello-close")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 20)
    lab.expect(
        kind="undetermined",
        cause="closed-inside-tls-reason-not-visible",
        strength="inferred",
        reached="tls",
        frames=[HELLO, "tcp.flags.fin==1 && ip.src==198.51.100.20"],
    )
    lab.never("tcp.payload[0:2]==15:03")


@case("closed-inside-tls-reason-not-visible--reset")
def closed_inside_tls_reset(lab):
    """The server resets after the ClientHello and does not say why.

    A Python program confirms TLS, reads the ClientHello of xfreerdp and closes with RST, with the TTL of the host.
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "hello-reset")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 20)
    lab.expect(
        kind="undetermined",
        cause="closed-inside-tls-reason-not-visible",
        strength="inferred",
        reached="tls",
        frames=[HELLO, "tcp.flags.reset==1 && ip.src==198.51.100.20"],
    )
    lab.never("tcp.payload[0:2]==15:03")


@case("client-left-or-probe--after-tls")
def client_left_after_tls(lab):
    """The client finishes TLS, says goodbye and leaves before any logon; nothing follows.

    xfreerdp with `/cert:deny` and TLS 1.2 does not accept the self-signed certificate of xrdp, and a user who presses No
    looks the same. Nothing in the packets says why it left: it finishes the handshake and sends close_notify.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.capture("client")
    client = lab.programs.xfreerdp("/sec:tls", "/enforce-tlsv1_2", password=None, certificates="deny")
    lab.programs.wait(client, 20)
    lab.expect(
        kind="healthy",
        reached="tls",
        frames="tcp.flags.fin==1 && ip.src==192.0.2.10",
        remarks=["client-left-or-probe"],
    )
    lab.never(FATAL)


@case("tls-alert-other")
def tls_alert_other(lab):
    """The client ends the handshake with an alert whose number says little.

    A Python server (OpenSSL) speaks only TLS 1.0; xfreerdp, which refuses its old signature, sends alert 80
    (internal_error).
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    certificate, key = lab.programs.certificate()
    lab.programs.speaker(
        *("serve", "tls", "--certificate", certificate, "--key", key, "--minimum", "TLSv1", "--maximum", "TLSv1"),
        *("--ciphers", "ALL:@SECLEVEL=0"),
    )
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 20)
    lab.expect(kind="undetermined", cause="tls-alert-other", strength="stated", reached="tls", frames=alert(80))


@case("server-hung")
def server_hung(lab):
    """The server's kernel takes the ClientHello and the service never answers it.

    A Python program confirms TLS and then only reads. xfreerdp waits; it is ended after 20 seconds.
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "hello-silent")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 20)
    lab.expect(cause="server-hung", strength="inferred", blame="server", reached="tls", frames=[HELLO])
    lab.never("tcp.payload[0]==16 && ip.src==198.51.100.20")


@case("security-layer-mismatch")
def security_layer_mismatch(lab):
    """The server selects a protocol that the client did not offer.

    A Python program confirms CredSSP (2) to an xfreerdp that offered only TLS (1). The client closes.
    """
    lab.used += ["freerdp2-x11", "python3"]
    lab.net.up()
    lab.programs.speaker("serve", "hello-silent", "--select", 2)
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:tls"), 20)
    lab.expect(cause="security-layer-mismatch", strength="inferred", reached="negotiation", frames=CONFIRM)
    lab.never(HELLO)


@case("security-layer-mismatch--in-clear")
def security_layer_mismatch_in_clear(lab):
    """The client speaks the old RDP security, the server wants TLS, and neither says so in the negotiation.

    xfreerdp with `/sec:rdp` sends no negotiation request; xrdp (`security_layer=tls`) confirms without a negotiation
    response (11 bytes), and answers the MCS Connect-Initial with a disconnect ultimatum in clear and RST.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:rdp", password=None), 20)
    lab.expect(
        cause="security-layer-mismatch",
        strength="inferred",
        reached="settings",
        frames=["tcp.payload[0:6]==03:00:00:0b:06:d0", "tcp.payload[7:2]==21:80 && ip.src==198.51.100.20"],
    )
    lab.never("rdp.neg_type")


@case("client-left-or-probe--alone")
def client_left(lab):
    """A client that asks, gets its confirm and leaves; nothing follows.

    A Python client resets the connection after the confirm of freerdp-shadow, as a probe or a user who gave up would.
    """
    lab.used += ["freerdp2-shadow-x11", "python3"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.speak("connect", "leave")
    lab.expect(
        kind="healthy",
        reached="negotiation",
        frames=[CONFIRM, "tcp.flags.reset==1"],
        remarks=["client-left-or-probe"],
    )


@case("nla-refused-reason-not-visible")
def nla_refused(lab):
    """A wrong password, seen without any log: NLA is refused and packets cannot say why.

    xfreerdp with a wrong password and freerdp-shadow over TLS 1.3. After the third token the server sends one short
    record and closes.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla", password="wrong-2031"), 20)
    lab.expect(
        kind="undetermined",
        cause="nla-refused-reason-not-visible",
        strength="inferred",
        reached="authentication",
        frames=[CONFIRM, "tcp.flags.fin==1 && ip.src==198.51.100.20"],
    )


@case("bad-password-or-unknown-user")
def bad_password(lab):
    """A wrong password over TLS 1.2, where the sizes of the CredSSP messages can be computed.

    xfreerdp (`/enforce-tlsv1_2`) with a wrong password and freerdp-shadow. The expectation here is for the packets
    alone: NLA refused, reason not visible. With the server's log beside it the cause becomes
    `bad-password-or-unknown-user`.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla", "/enforce-tlsv1_2", password="wrong-2031"), 20)
    lab.expect(
        kind="undetermined",
        cause="nla-refused-reason-not-visible",
        strength="inferred",
        reached="authentication",
        frames=[CONFIRM, "tcp.flags.fin==1 && ip.src==198.51.100.20"],
    )


@case("tls-inspection")
def tls_inspection(lab):
    """A device in the path ends TLS and opens its own towards the server: NLA must fail.

    A Python program in the router takes the client's TLS (1.2) with a certificate of its own and opens another to
    freerdp-shadow, both with the true addresses and ports. xfreerdp accepts the certificate; CredSSP is bound to the
    server's public key, so the logon breaks although user and password are right. Captured on the client and on the
    server, both in one file: the certificates differ.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11", "python3"]
    lab.net.up()
    certificate, key = lab.programs.certificate(file="device")
    for interface, table, address in (("eth0", 101, "198.51.100.20"), ("eth1", 102, "192.0.2.10")):
        lab.net.on("router", "ip", "rule", "add", "iif", interface, "lookup", table)
        lab.net.on("router", "ip", "route", "add", "local", address, "dev", "lo", "table", table)
    lab.programs.shadow("nla")
    device = ("inspect", "--certificate", certificate, "--key", key, "--maximum", "TLSv1_2")
    lab.net.start("router", *lab.programs.python(*device), log="device.out")
    time.sleep(1)
    lab.capture("client")
    lab.capture("server")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla"), 20)
    lab.expect(
        cause="tls-inspection",
        strength="inferred",
        blame="middlebox",
        reached="authentication",
        frames="tcp.payload[0:3]==16:03:03 && tcp.payload[5]==2",
    )
