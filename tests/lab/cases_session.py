"""Cases in which a session that worked comes to an end."""

import os
import signal
import time

from catalogue import collector

CASES, case = collector()
FROM_SERVER, FROM_CLIENT = "ip.src==198.51.100.20", "ip.src==192.0.2.10"


@case("ended-abruptly-by-server")
def ended_by_server(lab):
    """The server's process dies in the middle of a session.

    freerdp-shadow is killed (SIGKILL); its kernel closes the connection with FIN, without close_notify.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    lab.programs.kill_server()
    lab.programs.wait(client, 10)
    lab.expect(
        kind="undetermined",
        cause="ended-abruptly-by-server",
        strength="inferred",
        reached="session",
        frames=f"tcp.flags.fin==1 && {FROM_SERVER}",
    )


@case("ended-abruptly-by-server--reset")
def ended_by_server_reset(lab):
    """The server's process hangs and is killed while input of the client waits for it: its kernel sends RST.

    freerdp-shadow is stopped (SIGSTOP), the user moves the mouse, then it is killed (SIGKILL). The RST has the TTL of
    the host and the exact sequence number: no device in between made it.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    os.kill(lab.programs.server.pid, signal.SIGSTOP)
    lab.programs.move_mouse(1.5)
    lab.programs.kill_server()
    lab.programs.wait(client, 10)
    lab.expect(
        kind="undetermined",
        cause="ended-abruptly-by-server",
        strength="inferred",
        reached="session",
        frames=f"tcp.flags.reset==1 && {FROM_SERVER}",
    )
    lab.never(f"tcp.flags.fin==1 && {FROM_SERVER}")


@case("ended-abruptly-by-client")
def ended_by_client(lab):
    """The client's process dies in the middle of a session.

    xfreerdp is killed (SIGKILL); its kernel closes the connection with FIN, without close_notify.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    os.kill(client.pid, signal.SIGKILL)
    time.sleep(1)
    lab.expect(
        kind="undetermined",
        cause="ended-abruptly-by-client",
        strength="inferred",
        reached="session",
        frames=f"tcp.flags.fin==1 && {FROM_CLIENT}",
    )


@case("service-down")
def service_down(lab):
    """The service stops: a live session ends, and a new attempt is refused.

    freerdp-shadow is killed in the middle of a session. Eight seconds later the user tries again and gets RST. The
    expectation here is for the packets alone; with the server's System log (service terminated) beside it both
    incidents become `service-down`.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    lab.programs.kill_server()
    lab.programs.wait(client, 10)
    time.sleep(8)
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla"), 10)
    lab.expect(
        kind="undetermined",
        cause="ended-abruptly-by-server",
        strength="inferred",
        reached="session",
        frames=f"tcp.stream==0 && tcp.flags.fin==1 && {FROM_SERVER}",
    )
    lab.expect(
        cause="port-closed-or-device-reset",
        strength="stated",
        reached="transport",
        frames=f"tcp.stream!=0 && tcp.flags.reset==1 && {FROM_SERVER}",
    )


@case("admin-or-user-disconnect--recorded")
def admin_or_user_disconnect(lab):
    """The server ends the session in good order.

    xfreerdp at the login window of xrdp over TLS 1.2. The user presses Escape; xrdp sends its disconnect ultimatum
    inside TLS, close_notify and FIN. The expectation here is for the packets alone: an orderly end, nothing wrong.
    With a log beside it the end gets its name.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.capture("client")
    client = lab.programs.open("/sec:tls", password=None)
    lab.programs.press("Escape")
    lab.programs.wait(client, 10)
    lab.expect(kind="healthy", reached="session", frames=f"tcp.flags.fin==1 && {FROM_SERVER}")


@case("idle-or-time-limit--recorded")
def idle_or_time_limit(lab):
    """The server ends an idle session in good order after exactly one minute.

    xfreerdp at the login window of xrdp over TLS 1.2, nobody touches anything. After 60 seconds xrdp is told to end
    the session (SIGTERM to its process): disconnect ultimatum inside TLS, close_notify, FIN. The expectation here is
    for the packets alone: an orderly end. With a log beside it the end gets its name.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.programs.xrdp("tls")
    lab.capture("client")
    client = lab.programs.open("/sec:tls", password=None)
    time.sleep(58)
    lab.programs.end_session(0)
    lab.programs.wait(client, 10)
    lab.expect(kind="healthy", reached="session", frames=f"tcp.flags.fin==1 && {FROM_SERVER}")


@case("taken-over--recorded")
def taken_over(lab):
    """A second client comes, and the server ends the session of the first in good order.

    xfreerdp sits at the login window of xrdp over TLS 1.2. Another one connects from 192.0.2.11; one second later xrdp
    is told to end the first session (SIGTERM to its process). The second goes on until its user closes it. The
    expectation here is for the packets alone: an orderly end. With a log beside it the end gets its name.
    """
    lab.used += ["freerdp2-x11", "xrdp"]
    lab.net.up()
    lab.net.address("client", "eth0", "192.0.2.11/24")
    lab.programs.xrdp("tls")
    lab.capture("client")
    first = lab.programs.open("/sec:tls", password=None)
    lab.net.on("client", *"ip route change default via 192.0.2.1 src 192.0.2.11".split())
    second = lab.programs.xfreerdp("/sec:tls", password=None)
    time.sleep(2)
    lab.programs.end_session(0)
    lab.programs.wait(first, 10)
    time.sleep(1)
    lab.programs.end(second)
    ended = f"tcp.stream==0 && tcp.flags.fin==1 && {FROM_SERVER}"
    lab.expect(kind="healthy", reached="session", frames=ended)
    lab.expect(
        kind="healthy",
        reached="session",
        frames="rdp.negReq.selectedProtocol==1 && ip.dst==192.0.2.11",
        client="192.0.2.11",
    )


@case("rst-injected")
def rst_injected(lab):
    """Something between client and server resets a session towards the client, and the server goes on sending.

    The link forges an RST in the server's name: TTL 250 on the wire before the router, IP id 0, no timestamp. The
    server never knew and sends the next picture; the client's kernel answers that with a true RST.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    lab.programs.paint(0.6)
    lab.net.command("rst-client")
    lab.programs.paint(1.0)
    lab.programs.wait(client, 10)
    forged = f"tcp.flags.reset==1 && {FROM_SERVER} && ip.ttl>200"
    lab.expect(cause="rst-injected", strength="inferred", blame="middlebox", reached="session", frames=forged)


@case("rst-injected--server-side")
def rst_injected_server_side(lab):
    """As rst-injected, towards the server, captured on the server.

    The link forges an RST in the client's name. The client never knew: its next input and keep-alives are answered by
    the server's kernel with RST.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("server")
    client = lab.programs.open("/sec:nla")
    lab.net.command("rst-server")
    lab.programs.move_mouse(1.0)
    lab.programs.wait(client, 10)
    forged = f"tcp.flags.reset==1 && {FROM_CLIENT} && ip.ttl>200"
    lab.expect(cause="rst-injected", strength="inferred", blame="middlebox", reached="session", frames=forged)


@case("rst-injected--at-request")
def rst_injected_at_request(lab):
    """A filter that knows RDP resets the client as soon as it sees the connection request.

    The link forges an RST in the server's name when an X.224 Connection Request passes. The server never knew: its ACK
    and its confirm arrive after "its own" RST.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up(link=["--reset-requests"])
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.programs.wait(lab.programs.xfreerdp("/sec:nla"), 10)
    time.sleep(0.5)
    forged = f"tcp.flags.reset==1 && {FROM_SERVER} && ip.ttl>200"
    lab.expect(cause="rst-injected", strength="inferred", blame="middlebox", reached="negotiation", frames=forged)


@case("rst-injected--both-sides")
def rst_injected_both_sides(lab):
    """A device resets a session towards both ends, captured on both.

    The link forges one RST to each side in the name of the other. Each capture holds one RST that the other lacks:
    neither host sent one.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.programs.shadow("nla")
    lab.capture("client")
    lab.capture("server")
    client = lab.programs.open("/sec:nla")
    lab.net.command("rst-both")
    lab.programs.wait(client, 10)
    forged = "tcp.flags.reset==1 && ip.ttl>200"
    lab.expect(cause="rst-injected", strength="inferred", blame="middlebox", reached="session", frames=forged)


def idle_session(lab, answer):
    """rdesktop, which sends no keep-alives, sits at the login window of xrdp for longer than the link remembers."""
    lab.used += ["rdesktop", "xrdp"]
    lab.net.up(link=["--idle", 300, "--idle-answer", answer])
    # As Windows does: five repeats, then the end.
    lab.net.set("client", "net.ipv4.tcp_retries2", 5)
    lab.programs.xrdp("tls", keepalive="false")
    lab.capture("client")
    client = lab.programs.rdesktop()
    lab.programs.window()
    time.sleep(2)
    lab.programs.xdotool("mousemove", "60", "60")
    time.sleep(312)
    lab.programs.move_mouse(8 if answer == "drop" else 1, every=0.3)
    lab.programs.wait(client, 30)


@case("stateful-idle-timeout")
def stateful_idle_timeout(lab):
    """A device forgets a connection that was quiet for five minutes, and then drops what belongs to it.

    rdesktop at the login window of xrdp, nobody touches anything for 312 seconds; the link forgets the flow after 300.
    The next mouse movement is sent, repeated five times and never acknowledged.
    """
    idle_session(lab, "drop")
    lab.expect(
        cause="stateful-idle-timeout",
        strength="inferred",
        blame="middlebox",
        reached="session",
        frames=f"tcp.analysis.retransmission && {FROM_CLIENT} && frame.time_relative>300",
    )


@case("stateful-idle-timeout--reset")
def stateful_idle_timeout_reset(lab):
    """A device forgets a connection that was quiet for five minutes, and then answers with RST.

    As stateful-idle-timeout, but the link answers the first segment after the pause with an RST in the server's name,
    with a TTL of its own.
    """
    idle_session(lab, "rst")
    lab.expect(
        cause="stateful-idle-timeout",
        strength="inferred",
        blame="middlebox",
        reached="session",
        frames=f"tcp.flags.reset==1 && {FROM_SERVER} && ip.ttl>200",
    )


@case("zero-window")
def zero_window(lab):
    """The client stops reading and the server cannot send.

    xfreerdp is stopped (SIGSTOP) while the shared screen keeps changing, its receive buffer is small. The client
    advertises window 0 and answers the probes with it for 15 seconds, then xfreerdp is killed.
    """
    lab.used += ["freerdp2-x11", "freerdp2-shadow-x11"]
    lab.net.up()
    lab.net.set("client", "net.ipv4.tcp_rmem", "4096 4096 4096")
    lab.programs.shadow("nla")
    lab.capture("client")
    client = lab.programs.open("/sec:nla")
    os.kill(client.pid, signal.SIGSTOP)
    lab.programs.paint(15, every=0.1, noise=True)
    os.kill(client.pid, signal.SIGKILL)
    time.sleep(1)
    lab.expect(
        cause="zero-window",
        strength="inferred",
        blame="client",
        reached="session",
        frames=f"tcp.window_size==0 && tcp.flags.reset==0 && {FROM_CLIENT}",
    )
