#!/usr/bin/env bash
# Fuzzes every decoder of a stranger's bytes: node-patch/fuzz, seeds from the recorded vectors.
#
#   ci/fuzz.sh [MINUTES [TARGET ...]]     minutes for each target (default 10), two targets at once; without TARGET all of them
#
# Exit code: 0 nothing was found, 1 a target ended early (its log's end is shown; what did it is under node-patch/fuzz/artifacts), 64 usage.
# Needs cargo-fuzz (`cargo install cargo-fuzz --locked`; installed if it is missing) and a C++ compiler.
set -euo pipefail

minutes=${1:-10}
if ! [[ $minutes =~ ^[1-9][0-9]{0,3}$ ]]; then
    echo "minutes: a whole number from 1 to 9999, not \`$minutes\`" >&2
    exit 64
fi
shift || true
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../node-patch/fuzz"
mapfile -t known < <(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | grep -vx hegemon-fuzz)
targets=("${@:-${known[@]}}")
for target in "${targets[@]}"; do
    if ! printf '%s\n' "${known[@]}" | grep -qxF -- "$target"; then
        echo "no target \`$target\`; there are: ${known[*]}" >&2
        exit 64
    fi
done

command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked

python3 - <<'PYTHON'
import json, pathlib, struct

vectors = json.loads(pathlib.Path("../vectors/pq-handshake.json").read_text())
handshake = {name: bytes.fromhex(vectors[name]) for name in ("init_hello", "resp_hello", "finish")}
plaintexts = {f"discovery-{i}": bytes.fromhex(item["framed"]) for i, item in enumerate(vectors["discovery"])}
plaintexts |= {f"responder-{i}": bytes.fromhex(item["plaintext"]) for i, item in enumerate(vectors["responder_frames"])}
framed = lambda data: struct.pack(">I", len(data)) + data

def envelope(protocol, data):
    name = protocol.encode()
    return struct.pack("<Q", len(name)) + name + struct.pack("<Q", len(data)) + data

# A header of zeros with a pre-runtime digest item of `pow_`, in an announcement, a request and a response.
header = bytes(32) + bytes([4]) + bytes(64) + bytes([4, 6]) + b"pow_" + bytes([0])
scale = {
    "header": header,
    "announce": bytes([len(header) * 4 & 255 | 1, len(header) >> 6]) + header + bytes([0]) + struct.pack("<Q", 1) + bytes(32) + bytes([0]),
    "get_blocks": bytes([0, 3]) + struct.pack("<QI", 1, 128),
    "blocks": bytes([1, 3]) + struct.pack("<Q", 1) + bytes([4]) + struct.pack("<Q", 1) + bytes(32)
    + bytes([len(header) * 4 & 255 | 1, len(header) >> 6]) + header + bytes([0]),
}
plaintexts |= {"announce": envelope("/hegemon/block-announces/pq/1", scale["announce"]), "sync": envelope("/hegemon/sync/pq/1", scale["blocks"])}
seeds = {
    "frame": {name: bytes([choice]) + framed(data) for choice, (name, data) in enumerate((handshake | plaintexts).items())},
    "handshake_message": handshake,
    "listener": handshake,
    "session_plaintext": plaintexts,
    "discovery_message": {f"{i}": bytes.fromhex(item["encoded"]) for i, item in enumerate(vectors["discovery"])},
    "scale": scale,
    "peer_store": {path.stem: path.read_bytes() for path in pathlib.Path("../../discovery/vectors").glob("*.bin")},
}
call = lambda method, params: json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
requests = [call("chain_getHeader", ["0x" + "12" * 32]), call("chain_getBlockHash", [2, None, "0x2"]), '{"jsonrpc":"2.0","method":"system_health"}']
seeds["rpc_request"] = {f"{i}": text.encode() for i, text in enumerate([*requests, f"[{','.join(requests)}]"])}
heads = ["localhost:9944\nhttp://localhost:3000", "127.0.0.1\nnull", "[::ffff:127.0.0.1]:1\nhttps://[::1]", "node-a:9944\nws://node-a:9944"]
seeds["rpc_head"] = {f"{i}": text.encode() for i, text in enumerate(heads)}
# Steps of what and how, to whom: see `World::step`.
step = lambda what, who=0, how=255, data=b"": bytes([what << 2 | who, how]) + data
raw = lambda what, data, who=3: step(what, who, (len(data) + 15) // 16, data + bytes(-len(data) % 16))
OPEN, CLOSE, PASS, BEST, HEADER, ANSWER, LOSE, TWIST, ANNOUNCE, SYNC, ASK, MINE, BUSY, IMPORT = 0, 1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 15
meet = lambda who: step(OPEN, who) + step(BEST, who)
seeds["sync_engine"] = {
    "raw": bytes([0]) + meet(3) + raw(ANNOUNCE, scale["announce"]) + raw(SYNC, scale["blocks"]) + raw(SYNC, scale["get_blocks"]) + step(PASS, how=200),
    "catch-up": bytes([0]) + meet(0) + step(ANSWER) * 16,
    "fork": bytes([101]) + meet(0) + meet(1) + (step(ANSWER, 0) + step(ANSWER, 1)) * 16,
    "rate": bytes([101]) + meet(0) + (step(ANSWER) * 4 + step(LOSE) + step(PASS, how=100)) * 6,
    "future": bytes([40]) + meet(2) + (step(ANSWER, 2) + step(PASS, 2, 10)) * 8 + meet(0) + step(ANSWER) * 8,
    "all": bytes([0]) + b"".join(meet(who) for who in range(4)) + b"".join(step(ANSWER, who) for who in range(4)) * 8,
    "liars": bytes([9]) + meet(0) + meet(1) + meet(2) + b"".join(step(TWIST, 0, how) + step(ANSWER, 1) + step(PASS, how=40) for how in range(12)),
    "busy": bytes([0]) + meet(0) + meet(1) + step(BUSY, how=1) + (step(ANSWER) + step(ANSWER, 1) + step(MINE) + step(ASK, 1, 9)) * 6 + step(IMPORT) + step(CLOSE) + step(ANSWER, 1) * 4,
    "orphans": bytes([0]) + step(OPEN) + b"".join(step(BEST, 0, how) for how in range(2, 90, 3)) + step(HEADER) + step(PASS, how=30) + step(ANSWER) * 6,
}
# The target adds a checksum that fits to what it is given.
seeds["peer_store"]["unsummed"] = seeds["peer_store"]["peers-v1"][:-4]
for target, files in seeds.items():
    folder = pathlib.Path("corpus", target)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / f"seed-{name}").write_bytes(data)
PYTHON

# Sanitizer flags are unstable ones: this toolchain takes them when it is told to.
export RUSTC_BOOTSTRAP=1
cargo fuzz build --fuzz-dir .

run() {
    local log=artifacts/$1.log
    mkdir -p artifacts
    if cargo fuzz run --fuzz-dir . "$1" -- -max_total_time=$((minutes * 60)) -max_len=70000 -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=17 -print_final_stats=1 >"$log" 2>&1; then
        printf '%-20s %s\n' "$1" "nothing found: $(sed -n 's/^Done \(.*\) in .*/\1/p' "$log"), $(sed -n 's/^stat::peak_rss_mb: *//p' "$log") MiB at most"
    else
        printf '%-20s %s\n' "$1" "FOUND SOMETHING, or did not run: node-patch/fuzz/$log"
        tail -n 25 "$log"
        return 1
    fi
}
export -f run
export minutes
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'run {}' || exit 1
