#!/usr/bin/env bash
# What a public Substrate client library makes of our node: starts one that mines, reads it with ci/substrate-client, and ends it.
#
#   ci/substrate-client.sh [NODE]     the node's program (default: this workspace's, built here)
#
# Exit code: 0 all of it fits together, 1 not so, or the node did not start.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

node=${1:-}
if [[ -z $node ]]; then
    cargo build --quiet --locked -p hegemon-node --bin hegemon-node
    node=target/debug/hegemon-node
fi
cargo build --quiet --locked --manifest-path ci/substrate-client/Cargo.toml

log=$(mktemp)
HEGEMON_MINE=1 "$node" --dev --tmp --rpc-port 0 --listen-addr 127.0.0.1:0 2>"$log" &
trap 'kill %1 2>/dev/null; wait %1 || true; rm -f "$log"' EXIT
for _ in $(seq 100); do
    rpc=$(sed -n 's/.* rpc=\([0-9.:]*\) .*/\1/p' "$log" | head -1)
    [[ -z $rpc ]] || break
    kill -0 %1 2>/dev/null || { cat "$log" >&2 && exit 1; }
    sleep 0.1
done
ci/substrate-client/target/debug/substrate-client "ws://$rpc"
