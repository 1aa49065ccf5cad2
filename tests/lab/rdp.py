"""Real RDP programs for a recording: xrdp, freerdp-shadow, xfreerdp, rdesktop, with the certificates they need.

It starts and ends them inside the namespaces of a `Net` and knows nothing of cases or expectations.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from net import HERE, SERVER, sh, stop, wait_for

PORT = 3389
# Never the same display twice: an X server that ends removes the socket of its successor.
DISPLAYS = itertools.count(1000 + os.getpid() % 500 * 100)
PASSWORD = "Sommer-2031"
CLIENT_NAME = "CLT01"

XRDP_INI = """[Globals]
ini_version=1
fork=true
port={port}
tcp_nodelay=true
tcp_keepalive={keepalive}
security_layer={layer}
crypt_level=high
certificate={certificate}
key_file={key}
ssl_protocols={protocols}
{ciphers}
autorun=
allow_channels=true
max_bpp=16
use_fastpath=both
ls_top_window_bg_color=000000
ls_width=100
ls_height=60
ls_bg_color=dedede
ls_title=Lab
[Logging]
LogFile={work}/xrdp.log
LogLevel=INFO
EnableSyslog=false
[Channels]
[Xorg]
name=Xorg
lib=libxup.so
username=ask
password=ask
ip=127.0.0.1
port=-1
code=20
"""

CA_CNF = """[ca]
default_ca = lab
[lab]
new_certs_dir = {work}
database = {work}/index.txt
serial = {work}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Programs:
    """The programs of one recording."""

    def __init__(self, net):
        self.net = net
        self.server = None
        self.server_display = None
        self.client_display = None
        self.clients = 0
        self.port = PORT

    # Certificates and TLS limits

    def certificate(
        self,
        name="srv01.example.test",
        file="server",
        start="20260101000000Z",
        end="20460101000000Z",
        names=0,
        bits=2048,
    ):
        """A self-signed RSA certificate; `names` adds that many subject alternative names to make it large."""
        work = self.net.work
        key, certificate, request = (work / f"{file}.{kind}" for kind in ("key", "crt", "csr"))
        alternatives = ",".join(f"DNS:{n}" for n in [name] + [f"alias-{i:02}.rdp.example.test" for i in range(names)])
        sh(
            *("openssl", "req", "-new", "-newkey", f"rsa:{bits}", "-nodes", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName={alternatives}", "-keyout", key, "-out", request),
        )
        (work / "ca.cnf").write_text(CA_CNF.format(work=work))
        (work / "index.txt").write_text("")
        (work / "serial").write_text("4D21A7\n")
        sh(
            *("openssl", "ca", "-batch", "-notext", "-config", work / "ca.cnf", "-selfsign", "-keyfile", key),
            *("-in", request, "-out", certificate, "-startdate", start, "-enddate", end),
        )
        return certificate, key

    # Servers

    def xrdp(self, layer="tls", protocols="TLSv1.2", ciphers="", keepalive="true", certificate=None):
        """xrdp showing its login window, in its own /etc/xrdp and /run."""
        certificate, key = certificate or self.certificate()
        etc = self.net.etc("server") / "xrdp"
        shutil.copytree("/etc/xrdp", etc, symlinks=True, dirs_exist_ok=True)
        (etc / "xrdp.ini").write_text(
            XRDP_INI.format(
                port=self.port,
                layer=layer,
                certificate=certificate,
                key=key,
                protocols=protocols,
                ciphers=f"tls_ciphers={ciphers}" if ciphers else "",
                keepalive=keepalive,
                work=self.net.work,
            )
        )
        script = "mount -t tmpfs lab /run && mkdir -p /run/xrdp/sockdir && exec xrdp --nodaemon"
        self.server = self.net.start("server", "unshare", "-m", "sh", "-c", script, log="xrdp.out")
        self.wait_for_listener()

    def shadow(self, security="nla", user="alice"):
        """freerdp-shadow sharing a small empty screen."""
        self.server_display = self.screen("160x120x24")
        sam = self.net.work / "sam"
        digest = sh("winpr-hash", "-u", user, "-p", PASSWORD).strip()
        sam.write_text(f"{user}:::{digest}:::\n")
        options = {
            "nla": ["/sec:nla", "+auth", f"/sam-file:{sam}"],
            "tls": ["/sec:tls", "-auth"],
            "rdp": ["/sec:rdp", "-auth"],
        }[security]
        environment = {"DISPLAY": self.server_display}
        self.server = self.net.start(
            *("server", "freerdp-shadow-cli", f"/port:{self.port}", *options), environment=environment, log="shadow.out"
        )
        self.wait_for_listener()
        time.sleep(0.5)

    def speaker(self, *words):
        """One of the small programs of speakers.py, as a server in the background."""
        self.server = self.net.start("server", *self.python(*words), log="speaker.out")
        self.wait_for_listener()

    @staticmethod
    def python(*words):
        """The command line of a program of speakers.py."""
        return [sys.executable, HERE / "speakers.py", *words]

    def speak(self, *words):
        """One of the small programs of speakers.py, as a client, to its end."""
        return self.net.on("client", *self.python(*words), check=False, timeout=60)

    def wait_for_listener(self):
        listening = wait_for(lambda: f":{self.port} " in self.net.on("server", "ss", "-Hlnt"), 10)
        if not listening:
            raise RuntimeError(f"nothing listens: see {self.net.work}")

    def kill_server(self):
        """End the server at once, as a crash would."""
        os.killpg(self.server.pid, signal.SIGKILL)

    def screen(self, size):
        """An X server without a monitor; returns its display."""
        display = next(DISPLAYS)
        process = subprocess.Popen(
            ["Xvfb", f":{display}", "-screen", "0", size, "-nolisten", "tcp", "-ac", "-noreset"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.net.processes.append(process)
        wait_for(Path(f"/tmp/.X11-unix/X{display}").exists, 10)
        return f":{display}"

    def paint(self, seconds, every=0.2, noise=False):
        """Change the shared screen of freerdp-shadow for a while, so that the server has something to send.

        Plain colours make small updates, `noise` makes large ones.
        """
        end = time.monotonic() + seconds
        colours = itertools.cycle(["red", "green", "blue", "white", "black"])
        bitmap = self.net.work / "noise.xbm"
        while time.monotonic() < end:
            words = ["-solid", next(colours)]
            if noise:
                dots = ", ".join(f"0x{byte:02x}" for byte in os.urandom(160 // 8 * 120))
                bitmap.write_text(
                    f"#define noise_width 160\n#define noise_height 120\nstatic char noise_bits[] = {{\n{dots} }};\n"
                )
                words = ["-bitmap", bitmap]
            sh("xsetroot", *words, env={**os.environ, "DISPLAY": self.server_display})
            time.sleep(every)

    def end_session(self, number):
        """Make xrdp end one of its sessions in good order; 0 is the oldest."""
        sessions = sh("pgrep", "-P", self.server.pid).split()
        os.kill(int(sessions[number]), signal.SIGTERM)

    # Clients

    def xfreerdp(self, *options, server=SERVER, user="alice", password=PASSWORD, certificates="ignore"):
        """Start xfreerdp; `end` or `wait` finishes it."""
        if self.client_display is None:
            self.client_display = self.screen("320x240x24")
        self.clients += 1
        environment = {"DISPLAY": self.client_display}
        secret = [f"/p:{password}"] if password else []
        return self.net.start(
            *("client", "xfreerdp", f"/v:{server}", f"/port:{self.port}", f"/u:{user}", *secret),
            f"/cert:{certificates}",
            *("/client-hostname:" + CLIENT_NAME, "/size:160x120", "/bpp:16", "-grab-keyboard", *options),
            environment=environment,
            log=f"xfreerdp-{self.clients}.out",
        )

    def rdesktop(self, *options, server=SERVER):
        """Start rdesktop, which unlike xfreerdp sends no TCP keep-alives."""
        if self.client_display is None:
            self.client_display = self.screen("320x240x24")
        process = self.net.start(
            *("client", "rdesktop", "-u", "alice", "-n", CLIENT_NAME, "-g", "160x120", "-a", "16", *options),
            f"{server}:{self.port}",
            environment={"DISPLAY": self.client_display},
            stdin=subprocess.PIPE,
            log="rdesktop.out",
        )
        process.stdin.write(b"yes\n")
        process.stdin.flush()
        return process

    def move_mouse(self, seconds, every=0.4):
        """Move the pointer over the client's window for a while, so that the client has something to send."""
        end = time.monotonic() + seconds
        places = itertools.cycle([(30, 30), (60, 40), (90, 70), (120, 90)])
        while time.monotonic() < end:
            self.xdotool("mousemove", *map(str, next(places)))
            time.sleep(every)

    def press(self, key):
        """Press a key in the client's window."""
        self.xdotool("mousemove", "80", "60", "key", key)

    def xdotool(self, *words):
        return sh("xdotool", *words, check=False, env={**os.environ, "DISPLAY": self.client_display}).strip()

    def window(self, seconds=10):
        """The id of the client's window; None if it does not open."""
        found = []

        def look():
            found[:] = self.xdotool("search", "--onlyvisible", "--name", ".").split()
            return bool(found)

        return found[0] if wait_for(look, seconds) else None

    def end(self, process):
        """Close the client's window, as a user does, and wait for the client to leave."""
        window = self.window(2)
        if window:
            sh(sys.executable, HERE / "window.py", window, env={**os.environ, "DISPLAY": self.client_display})
        return self.wait(process, 10)

    @staticmethod
    def wait(process, seconds):
        """Wait for a client to leave by itself; after that time it is ended."""
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            stop(process, signal.SIGKILL)
            return None

    def open(self, *options, **named):
        """Start xfreerdp and wait until its window shows the session."""
        process = self.xfreerdp(*options, **named)
        if self.window() is None:
            raise RuntimeError(f"no session: see {self.net.work}")
        time.sleep(2)
        return process

    def session(self, *options, seconds=2.0, **named):
        """A whole session: connect, stay a moment, leave in good order."""
        process = self.open(*options, **named)
        time.sleep(max(0.0, seconds - 2))
        self.end(process)


def versions():
    """The programs and their versions, for case.md."""
    packages = "xrdp freerdp2-x11 freerdp2-shadow-x11 rdesktop openssl tcpdump tshark nftables python3".split()
    listed = sh("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages, check=False)
    return dict(line.split(" ", 1) for line in listed.splitlines())
