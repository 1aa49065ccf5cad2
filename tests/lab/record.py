#!/usr/bin/env python3
"""Record the samples: build a network, run real clients and servers, capture, and write down what is expected.

    sudo tests/lab/record.py            list the cases
    sudo tests/lab/record.py CASE …     record these again
    sudo tests/lab/record.py all        record everything again

See README.md for what must be installed. Everything runs in network namespaces made for one case.
"""

import argparse
import concurrent.futures
import inspect
import os
import sys
import traceback
import zlib
from pathlib import Path

sys.dont_write_bytecode = True

import describe
import cases_healthy
import cases_negotiation
import cases_network
import cases_reach
import cases_session
import cases_tls
from net import CLIENT, SERVER, Net, sh
from rdp import PORT, Programs, versions

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CASES = {
    name: function
    for module in (cases_healthy, cases_reach, cases_negotiation, cases_tls, cases_session, cases_network)
    for name, function in module.CASES.items()
}
MOST_BYTES = 400 * 1024


class Recording:
    """What a case function works with: the network, the programs, and the expectation it states."""

    def __init__(self, name):
        self.name = name
        self.net = Net(f"{zlib.crc32(name.encode()):08x}"[:6])
        self.programs = Programs(self.net)
        self.incidents = []
        self.present = []
        self.absent = []
        self.args = []
        self.used = []
        self.sides = []

    def capture(self, host, **named):
        """Capture on this host's interface from now on."""
        where = f"its `{named.get('interface', 'eth0')}`"
        if "snaplen" in named:
            where += f", the first {named['snaplen']} bytes of each frame"
        self.sides.append(f"the {host} ({where})")
        self.net.capture(host, **named)

    def expect(
        self,
        kind="cause",
        cause=None,
        strength=None,
        blame=None,
        reached=None,
        frames=None,
        remarks=(),
        client=CLIENT,
        server=f"{SERVER}:{PORT}",
    ):
        """State one incident; `frames` are display filters that must each find something."""
        if kind == "cause" and (cause is None or strength is None):
            raise ValueError("a cause needs its id and strength")
        self.incidents.append(
            {
                "client": client,
                "server": server,
                "kind": kind,
                "cause": cause,
                "strength": strength,
                "blame": blame,
                "reached": reached,
                "frames": frames,
                "remarks": list(remarks),
            }
        )

    def shows(self, *filters):
        """State what must be in the capture besides the frames of the incidents."""
        self.present += filters

    def never(self, *filters):
        """State what must not be in the capture."""
        self.absent += filters


def record(name, samples, keep):
    """Record one case and write its sample."""
    written = {path.name for path in (samples / name).glob("*")} - {"capture.pcapng", "case.md", "case.toml"}
    if written:
        raise FileExistsError(f"{name}: {', '.join(sorted(written))} was written for the present recording")
    recording = Recording(name)
    function = CASES[name]
    try:
        function(recording)
        recording.net.stop_captures()
        folder = samples / name
        folder.mkdir(parents=True, exist_ok=True)
        capture = folder / "capture.pcapng"
        draft = recording.net.work / "capture.pcapng"
        captures = recording.net.captures
        if len(captures) == 1:
            sh("editcap", "-F", "pcapng", captures[0], draft)
        else:
            sh("mergecap", "-F", "pcapng", "-I", "none", "-w", draft, *captures)
        describe.frames(draft, recording.present)
        for one in recording.absent:
            if describe.rows(draft, one, "frame.number"):
                raise describe.NotShown(f"{name}: there is a frame for {one}")
        if draft.stat().st_size > MOST_BYTES:
            raise describe.NotShown(f"{name}: {draft.stat().st_size} bytes are too many")
        expectation = describe.case_toml(draft, recording.incidents, recording.args)
        sides = " and ".join(recording.sides)
        known = versions()
        used = ", ".join(f"{package} {known.get(package, '')}".strip() for package in recording.used + ["tcpdump"])
        story = describe.case_md(draft, name, inspect.getdoc(function), sides, used)
        capture.write_bytes(draft.read_bytes())
        (folder / "case.toml").write_text(expectation)
        (folder / "case.md").write_text(story)
        return f"{name}: {capture.stat().st_size} bytes"
    finally:
        recording.net.down(keep=keep)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--jobs", type=int, default=1, help="cases at the same time")
    parser.add_argument("--into", type=Path, default=SAMPLES, help="where the samples are written")
    parser.add_argument("--keep", action="store_true", help="leave the programs' own logs in /tmp")
    options = parser.parse_args()
    if not options.cases:
        print("\n".join(CASES))
        return 0
    wanted = list(CASES) if options.cases == ["all"] else options.cases
    unknown = [name for name in wanted if name not in CASES]
    if unknown:
        print(f"no such case: {', '.join(unknown)}", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("network namespaces need root: use sudo", file=sys.stderr)
        return 2
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(record, name, options.into, options.keep): name for name in wanted}
        for done in concurrent.futures.as_completed(running):
            try:
                print(done.result(), flush=True)
            except Exception:  # one case that fails must not stop the others
                failed += 1
                print(f"{running[done]}: failed", file=sys.stderr)
                traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
