"""What a recording is and what is expected of it: case.md and case.toml, with frame numbers looked up in the capture.

Frames are named by Wireshark display filters, so that a new recording finds its own numbers; a filter that finds
nothing means that the recording does not show what it claims, and is an error.
"""

import datetime
import json

from net import sh

OPENING = "tcp.flags.syn==1 && tcp.flags.ack==0"
MOST_FRAMES = 40


class NotShown(Exception):
    """The capture does not show what the case claims."""


def rows(capture, display_filter, *fields):
    """The given fields of every frame that matches."""
    words = ["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-r", capture, "-Y", display_filter, "-T", "fields"]
    for field in fields:
        words += ["-e", field]
    return [line.split("\t") for line in sh(*words).splitlines()]


def frames(capture, filters):
    """Frame numbers for one or more display filters; each must find something."""
    found = set()
    for one in [filters] if isinstance(filters, str) else filters:
        numbers = [int(row[0]) for row in rows(capture, one, "frame.number")]
        if not numbers:
            raise NotShown(f"{capture}: no frame for {one}")
        found.update(numbers[:MOST_FRAMES])
    return sorted(found)


def clock(epoch):
    """An epoch time as UTC, to the microsecond."""
    seconds, _, fraction = epoch.partition(".")
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{fraction[:6]}"


def connections(capture):
    """A table of the TCP connections: one dict per tcp.stream that opens in the capture."""
    table = {}
    fields = ("tcp.stream", "frame.number", "frame.time_epoch", "tcp.srcport", "tcp.dstport", "tcp.flags.str")
    hosts = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.flags.syn", "tcp.flags.ack")
    for row in rows(capture, "tcp && !icmp && !icmpv6", *fields, *hosts):
        stream, number, moment, sport, dport, letters, source, destination, source_6, destination_6, syn, ack = row
        source, destination = source or f"[{source_6}]", destination or f"[{destination_6}]"
        known = table.get(stream)
        if known is None:
            known = table[stream] = {
                "stream": int(stream),
                "opened": moment,
                "client": f"{source}:{sport}",
                "server": f"{destination}:{dport}",
                "first": int(number),
                "established": None,
                "accepted": False,
                "closing": [],
            }
        if syn in ("1", "True"):
            known["accepted"] |= ack in ("1", "True")
        elif known["accepted"] and known["established"] is None and f"{source}:{sport}" == known["client"]:
            known["established"] = moment
        known["last"], known["ended"] = int(number), moment
        by = "client" if f"{source}:{sport}" == known["client"] else "server"
        kinds = [word for letter, word in (("F", "FIN"), ("R", "RST")) if letter in letters]
        known["closing"] += [f"{word} by {by} (frame {number})" for word in kinds]
    return sorted(table.values(), key=lambda c: c["first"])


def connection_table(capture):
    """The table as Markdown. Times are UTC."""
    lines = [
        "| tcp.stream | SYN (UTC) | handshake complete | last segment | client | server | frames | closing |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in connections(capture):
        closing = ", ".join(one["closing"][:4]) or "none"
        established = clock(one["established"])[11:] if one["established"] else "-"
        lines.append(
            f"| {one['stream']} | {clock(one['opened'])} | {established} | {clock(one['ended'])[11:]} "
            f"| {one['client']} | {one['server']} | {one['first']}-{one['last']} | {closing} |"
        )
    if len(lines) == 2:
        return "No TCP connection is in the capture.\n"
    return "\n".join(lines) + "\n"


def case_toml(capture, incidents, args, origin="recorded"):
    """The expectation."""
    lines = [f"origin = {json.dumps(origin)}", f"args = {json.dumps(args)}"]
    for incident in incidents:
        incident = dict(incident)
        filters = incident.pop("frames")
        lines += ["", "[[incidents]]"]
        for name in ("client", "server", "kind", "cause", "strength", "blame", "reached"):
            if incident.get(name) is not None:
                lines.append(f"{name} = {json.dumps(incident[name])}")
        lines.append(f"frames = {json.dumps(frames(capture, filters) if filters else [])}")
        lines.append(f"remarks = {json.dumps(incident['remarks'])}")
    return "\n".join(lines) + "\n"


def case_md(capture, name, story, sides, used):
    """What happened, where it was captured, what is recorded and when."""
    summary, _, rest = story.partition("\n\n")
    ends = rows(capture, "frame", "frame.time_epoch")
    moments = sorted(float(row[0]) for row in ends)
    begun, ended = (datetime.datetime.fromtimestamp(m, datetime.timezone.utc) for m in (moments[0], moments[-1]))
    return f"""# {name}

{summary.strip()}

{rest.strip()}

## The capture

Taken on {sides}; everything that passed there.
{len(moments)} frames from {begun:%Y-%m-%d %H:%M:%S.%f} to {ended:%H:%M:%S.%f} UTC.

{connection_table(capture)}
## Recorded and written

*Recorded*: `capture.pcapng`, made by `tests/lab/record.py {name}` with {used}.

*Written*: nothing in the capture.
""".replace("\n\n\n", "\n\n")
