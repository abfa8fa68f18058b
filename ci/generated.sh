#!/usr/bin/env bash
# Generated scenarios, one for each seed, run unattended: what our node does in networks that nobody thought of.
#
#   ci/generated.sh FROM TO [harness generate --run arguments…]     the seeds FROM to TO − 1; --jobs 2 runs two at a time
#
# Environment:
#   GENERATED_OUT   folder in which each night makes a new directory (default: runs/generated); keep it as an artefact. Relative to the workspace.
#
# Exit codes are the harness's, over all runs: 0 all passed, 1 one failed, 3, 2, 4; 64 usage, 130/143 interrupted (`harness generate --resume` goes on).
# 101 is cargo's own: the harness did not compile.
set -euo pipefail

for number in "${1:-}" "${2:-}"; do
    [[ $number =~ ^[0-9]{1,18}$ ]] || { echo "usage: ci/generated.sh FROM TO [harness generate --run arguments…]" >&2 && exit 64; }
done
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
seeds=$1..$2
shift 2

# Replaces itself: a signal that CI sends to this process reaches the harness, which cleans up.
exec cargo run --quiet --locked -p harness -- generate --run --seeds "$seeds" --out "${GENERATED_OUT:-runs/generated}" "$@"
