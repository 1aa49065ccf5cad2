#!/usr/bin/env bash
# rdpscan beside other programs on the same files, in turn, A B A B, as ratios: wall times of a shared machine move
# by half from run to run, ratios of neighbouring runs by a tenth.
#
#   benches/peers.sh [MIB]
#
# Debian or Ubuntu. Installs what is missing of the peers (asks for root), makes the corpora in a temporary folder (MIB
# of each capture, 1024 if not said, and a flood of 1000 connections for each of these), builds the program, measures.
# RUNS (5) pairs of each, SLOW_RUNS (1) of those that take minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
mib=${1:-1024}
runs=${RUNS:-5}
slow=${SLOW_RUNS:-1}

missing=()
for peer in tcpdump:tcpdump tshark:tshark capinfos:wireshark-common tcptrace:tcptrace; do
    command -v "${peer%%:*}" >/dev/null || missing+=("${peer##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    root=(); [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo build --release --locked --quiet
program=$PWD/target/release/rdpscan
bench=$(cargo bench --locked --no-run --bench throughput 2>&1 | sed -n 's/^ *Executable.*(\(.*\))$/\1/p')
"$bench" --write "$folder" "$mib"

# Wall seconds of a command, whose output goes nowhere.
seconds() {
    local begin=$EPOCHREALTIME
    "$@" >/dev/null 2>&1 || true
    awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.4f\n", b - a }'
}

median() { sort -g | awk '{ all[NR] = $1 } END { printf "%s", all[int((NR + 1) / 2)] }'; }

# pair RUNS LABEL FILE COMMAND...: how long the program and the command take on the file, and the ratio.
pair() {
    local n=$1 label=$2 file=$3 ours="" theirs="" ratios="" a b
    shift 3
    cat "$file" >/dev/null
    for _ in $(seq "$n"); do
        a=$(seconds "$program" analyze "$file" --format json -o "$folder/report.json")
        b=$(seconds "$@")
        ours+="$a"$'\n' theirs+="$b"$'\n'
        ratios+=$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.3f", b / a }')$'\n'
    done
    printf '| %s | %s | %s | %s | %s |\n' "$(basename "$file")" "$label" \
        "$(printf %s "$ours" | median)" "$(printf %s "$theirs" | median)" "$(printf %s "$ratios" | median)"
}

echo "$(date -u +%F), $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), Linux $(uname -r)"
echo "$("$program" --version); $(tcpdump --version 2>&1 | head -1); $(tshark --version 2>/dev/null | head -1)"
echo
echo '| file | beside | rdpscan, s | the other, s | times as fast |'
echo '|---|---|---:|---:|---:|'
for name in mixed rdp flood; do
    f=$folder/$name.pcapng
    pair "$runs" 'floor: map and add up, one thread' "$f" "$bench" --floor "$f" 1
    pair "$runs" 'floor, two threads' "$f" "$bench" --floor "$f" 2
    pair "$runs" "tcpdump -r … -w /dev/null 'port 3389'" "$f" tcpdump -n -r "$f" -w /dev/null 'port 3389'
    pair "$runs" 'capinfos -c' "$f" capinfos -c "$f"
    [ "$name" = flood ] || pair "$slow" 'tcptrace -l' "$f" tcptrace -l -n "$f"
    pair "$slow" 'tshark -q -z conv,tcp' "$f" tshark -n -r "$f" -q -z conv,tcp
    pair "$slow" 'tshark -Y rdp' "$f" tshark -n -r "$f" -Y rdp
done
f=$folder/log.evtx
pair "$runs" 'floor, two threads' "$f" "$bench" --floor "$f" 2
if command -v evtx_dump >/dev/null; then
    pair "$runs" 'evtx_dump -t2 -o jsonl' "$f" evtx_dump -t2 -o jsonl "$f"
fi
