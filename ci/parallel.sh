#!/usr/bin/env bash
# Runs of one scenario beside each other on one host: they must not meet, all of them must pass, and nothing may be left.
#
#   ci/parallel.sh [ROUNDS [RUNS [harness scenario arguments…]]]      default: 5 rounds of 8 runs of `three-node --provider docker`
#
# Runs' directories stay in a new folder under runs/parallel/. On a small machine give `--timeout-factor 3`: many nodes share it.
# Exit code: 0 every run passed, none met another, nothing is left; 1 not so; 64 usage.
set -euo pipefail

rounds=${1:-5} runs=${2:-8}
shift $(($# < 2 ? $# : 2))
for number in "$rounds" "$runs"; do
    [[ $number =~ ^[1-9][0-9]{0,2}$ ]] || { echo "rounds and runs: whole numbers from 1 to 999, not \`$number\`" >&2 && exit 64; }
done
if (($# == 0)); then set -- three-node --provider docker; fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source ci/leftovers.bash
engine=
if docker version >/dev/null 2>&1; then engine=yes; fi
cargo build --quiet --locked -p harness
harness=$PWD/target/debug/harness

wrong=0
base=$PWD/runs/parallel/$(date -u +%Y%m%dT%H%M%SZ)
for ((round = 1; round <= rounds; round++)); do
    out=$base/$round
    mkdir -p "$out"
    pids=()
    for ((run = 1; run <= runs; run++)); do
        XDG_STATE_HOME=$out/state "$harness" scenario --no-progress --out "$out/runs" "$@" >"$out/$run.out" 2>&1 &
        pids+=($!)
    done
    codes=()
    for pid in "${pids[@]}"; do
        code=0
        wait "$pid" || code=$?
        codes+=("$code")
        ((code == 0)) || ((wrong += 1))
    done
    await_watchdogs "$out"
    count_left "$out"
    for column in "${!left[@]}"; do
        ((left[column] == 0)) || { echo "round $round: ${left[column]} ${columns[column]} left" >&2 && ((wrong += left[column])); }
    done
    met=$(python3 - "$out" "$runs" <<'PYTHON'
import json, pathlib, sys

plans = [json.loads(path.read_text()) for path in pathlib.Path(sys.argv[1]).glob("runs/*/plan.json")]
taken = {"run IDs": [plan["run"] for plan in plans]}
# Namespaces are worlds of their own: there all runs may have the same addresses.
networks = [(plan, plan["facts"]["network"]) for plan in plans]
taken["networks"] = [network["subnet"] for _, network in networks if network["kind"] == "docker"]
taken["RPC ports"] = [
    arguments["args"][arguments["args"].index("--rpc-port") + 1]
    for plan, network in networks if network["kind"] == "loopback" for arguments in plan["launches"]
]
if len(plans) != int(sys.argv[2]):
    print(f"{len(plans)} plans of {sys.argv[2]} runs")
for name, values in taken.items():
    if len(set(values)) != len(values):
        print(f"two runs had the same {name}: {sorted(values)}")
PYTHON
    )
    [[ -z $met ]] || { echo "round $round: $met" >&2 && ((wrong += 1)); }
    echo "round $round: exit codes ${codes[*]}; left ${left[*]} (${columns[*]})"
done
if ((wrong)); then
    echo "not right: $wrong; see $base" >&2
    exit 1
fi
echo "all right: $rounds rounds of $runs runs; their directories are in $base"
