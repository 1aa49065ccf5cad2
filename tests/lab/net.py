"""The network of one recording: namespaces, a router, the cable of `link.py`, and a capture.

    client 192.0.2.10 -- 192.0.2.1 router 198.51.100.1 -- link -- 198.51.100.20 server

Everything lives in namespaces that one `Net` makes and removes; nothing reaches the network of the machine.
It knows nothing of RDP.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLIENT, SERVER = "192.0.2.10", "198.51.100.20"
ROUTER_CLIENT_SIDE, ROUTER_SERVER_SIDE = "192.0.2.1", "198.51.100.1"
CLIENT_6, SERVER_6 = "2001:db8:2::10", "2001:db8:100::20"
ROUTER_CLIENT_SIDE_6, ROUTER_SERVER_SIDE_6 = "2001:db8:2::1", "2001:db8:100::1"
HOSTS = ("client", "router", "link", "server")
HERE = Path(__file__).resolve().parent


def sh(*words, check=True, **named):
    """Run a command and return its standard output."""
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **named)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


class Net:
    """Four namespaces joined by veth pairs, and the processes started in them."""

    def __init__(self, tag):
        self.tag = tag
        self.work = Path(tempfile.mkdtemp(prefix=f"rdplab-{tag}-"))
        self.work.chmod(0o755)
        self.processes = []
        self.captures = []
        self.hosts = HOSTS
        self.link = None

    def namespace(self, host):
        return f"rdplab-{self.tag}-{host}"

    def etc(self, host):
        """A folder whose entries stand over those of /etc inside this host."""
        path = Path("/etc/netns") / self.namespace(host)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def up(self, link=(), offloads=False, ipv6=False, neighbours=None):
        """Build the network.

        `link` are options for link.py. With `ipv6` the hosts have addresses of both kinds. `neighbours` are further
        hosts with their addresses in the client's network, which then is a bridge.
        """
        self.hosts += ("switch", *neighbours) if neighbours else ()
        for host in self.hosts:
            sh("ip", "netns", "add", self.namespace(host))
            for name in ("all", "default"):
                self.set(host, f"net.ipv6.conf.{name}.disable_ipv6", int(not ipv6 or host == "link"))
                self.set(host, f"net.ipv6.conf.{name}.accept_dad", 0)
            self.on(host, "ip", "link", "set", "lo", "up")
        if neighbours:
            self.client_network(neighbours)
        else:
            self.pair("client", "eth0", "02:00:c0:00:02:0a", "router", "eth0", "02:00:c0:00:02:01")
        self.pair("router", "eth1", "02:00:c6:33:64:01", "link", "eth0", "02:00:00:00:00:01")
        self.pair("link", "eth1", "02:00:00:00:00:02", "server", "eth0", "02:00:c6:33:64:14")
        self.address("client", "eth0", f"{CLIENT}/24", ROUTER_CLIENT_SIDE)
        self.address("server", "eth0", f"{SERVER}/24", ROUTER_SERVER_SIDE)
        self.address("router", "eth0", f"{ROUTER_CLIENT_SIDE}/24")
        self.address("router", "eth1", f"{ROUTER_SERVER_SIDE}/24")
        self.set("router", "net.ipv4.ip_forward", 1)
        if ipv6:
            self.set("router", "net.ipv6.conf.all.forwarding", 1)
            self.address("router", "eth0", f"{ROUTER_CLIENT_SIDE_6}/64")
            self.address("router", "eth1", f"{ROUTER_SERVER_SIDE_6}/64")
            self.address("client", "eth0", f"{CLIENT_6}/64", ROUTER_CLIENT_SIDE_6)
            self.address("server", "eth0", f"{SERVER_6}/64", ROUTER_SERVER_SIDE_6)
        if not offloads:
            for host, interface in (("client", "eth0"), ("router", "eth0"), ("router", "eth1"), ("server", "eth0")):
                self.no_offloads(host, interface)
        # The cable passes frames on through a raw socket, so what goes in must carry its checksum in any case.
        for host, interface in (("router", "eth1"), ("server", "eth0"), ("link", "eth0"), ("link", "eth1")):
            self.no_offloads(host, interface)
        self.link = self.start("link", sys.executable, HERE / "link.py", "eth0", "eth1", *link, stdin=subprocess.PIPE)
        time.sleep(0.3)

    def pair(self, host, interface, mac, other_host, other_interface, other_mac):
        sh(
            *("ip", "link", "add", interface, "netns", self.namespace(host), "address", mac, "type", "veth"),
            *("peer", "name", other_interface, "netns", self.namespace(other_host), "address", other_mac),
        )
        self.on(host, "ip", "link", "set", interface, "up")
        self.on(other_host, "ip", "link", "set", other_interface, "up")

    def client_network(self, neighbours):
        """A bridge that joins the client, the router and their neighbours."""
        self.on("switch", *"ip link add bridge type bridge mcast_snooping 0".split())
        self.on("switch", *"ip link set bridge up".split())
        lasts = {"client": "0a", "router": "01"}
        lasts |= {host: f"{number:02x}" for number, host in enumerate(neighbours, 0x14)}
        for host, last in lasts.items():
            self.pair("switch", host, f"02:00:00:00:01:{last}", host, "eth0", f"02:00:c0:00:02:{last}")
            self.on("switch", "ip", "link", "set", host, "master", "bridge")
            self.no_offloads(host, "eth0")
        for host, address in neighbours.items():
            self.address(host, "eth0", address, ROUTER_CLIENT_SIDE)

    def address(self, host, interface, address, gateway=None):
        self.on(host, "ip", "address", "add", address, "dev", interface)
        if gateway:
            self.on(host, "ip", "route", "add", "default", "via", gateway)

    def no_offloads(self, host, interface):
        self.on(host, "ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off", "tx", "off")

    def set(self, host, name, value):
        """A kernel setting of this host alone."""
        self.on(host, "sysctl", "-qw", f"{name}={value}")

    def on(self, host, *words, **named):
        """Run a command on a host to its end."""
        return sh("ip", "netns", "exec", self.namespace(host), *words, **named)

    def start(self, host, *words, environment=None, stdin=subprocess.DEVNULL, log="process.log"):
        """Start a command on a host and leave it running."""
        words = [str(w) for w in ("ip", "netns", "exec", self.namespace(host), *words)]
        with open(self.work / log, "ab") as output:
            process = subprocess.Popen(
                words,
                stdin=stdin,
                stdout=output,
                stderr=output,
                env={**os.environ, "HOME": str(self.work), **(environment or {})},
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def command(self, word):
        """Tell the link to misbehave; see link.py for the words."""
        self.link.stdin.write(f"{word}\n".encode())
        self.link.stdin.flush()
        time.sleep(0.05)

    def capture(self, host, interface="eth0", snaplen=262144):
        """Capture everything on an interface from now until `stop_captures`."""
        path = self.work / f"{host}-{interface}.pcap"
        self.captures.append(path)
        process = self.start(
            *(host, "tcpdump", "-i", interface, "-s", snaplen, "-U", "--immediate-mode", "-Z", "root"),
            *("--time-stamp-precision=nano", "-w", path),
            log=f"tcpdump-{host}.log",
        )
        process.is_capture = True
        wait_for(lambda: path.exists() and path.stat().st_size >= 24, 5)
        time.sleep(0.3)

    def stop_captures(self):
        time.sleep(0.3)
        for process in self.processes:
            if getattr(process, "is_capture", False):
                stop(process, signal.SIGINT)

    def down(self, keep=False):
        for process in reversed(self.processes):
            stop(process, signal.SIGTERM)
        for host in self.hosts:
            # What a program left behind in a session of its own: its namespace is ours alone.
            for left in sh("ip", "netns", "pids", self.namespace(host), check=False).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(left), signal.SIGKILL)
            sh("ip", "netns", "delete", self.namespace(host), check=False)
            shutil.rmtree(Path("/etc/netns") / self.namespace(host), ignore_errors=True)
        if not keep:
            shutil.rmtree(self.work, ignore_errors=True)


def stop(process, number):
    """End a process that we started, and the group it leads."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, number)
        process.wait(3)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(3)


def wait_for(condition, seconds):
    """Wait until a condition holds; False if it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
