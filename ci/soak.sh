#!/usr/bin/env bash
# three-node again and again, each time a fresh network: a failure that comes once in forty runs is a failure.
# One network that stays up, and what leaks in it, is the verb's: harness soak soak --for 24h
#
#   ci/soak.sh [PROCESS_RUNS [DOCKER_RUNS]]      default: 40 on processes, then 10 on Docker; 0 leaves one out
#
# Environment:
#   SOAK_ARGS   more arguments of `harness scenario`, in one string (`--node-bin … --timeout-factor 2`)
#
# Runs' directories stay in a new folder under runs/soak/; those of failures are printed with their last line.
# Exit code: 0 every run passed and nothing is left, 1 not so, 64 usage.
set -euo pipefail

process=${1:-40} docker=${2:-10}
for number in "$process" "$docker"; do
    [[ $number =~ ^[0-9]{1,4}$ ]] || { echo "runs: a whole number from 0 to 9999, not \`$number\`" >&2 && exit 64; }
done
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source ci/leftovers.bash
engine=
if command docker version >/dev/null 2>&1; then engine=yes; fi
read -ra more <<<"${SOAK_ARGS:-}"
cargo build --quiet --locked -p harness
harness=$PWD/target/debug/harness
base=$PWD/runs/soak/$(date -u +%Y%m%dT%H%M%SZ)

failures=0
for provider in process docker; do
    passed=0 began=$SECONDS out=$base/$provider
    mkdir -p "$out"
    for ((run = 1; run <= ${!provider}; run++)); do
        code=0
        XDG_STATE_HOME=$out/state "$harness" scenario three-node --no-progress --provider "$provider" --out "$out/runs" ${more[@]+"${more[@]}"} >"$out/$run.out" 2>&1 || code=$?
        if ((code == 0)); then
            ((passed += 1))
        else
            ((failures += 1))
            echo "$provider run $run: exit $code: $(tail -1 "$out/$run.out")" >&2
            sed -n 's/^ *evidence: /    /p' "$out/$run.out" >&2
        fi
    done
    await_watchdogs "$out"
    count_left "$out"
    for column in "${!left[@]}"; do
        ((left[column] == 0)) || { echo "$provider: ${left[column]} ${columns[column]} left" >&2 && ((failures += left[column])); }
    done
    echo "$provider: $passed of ${!provider} passed in $((SECONDS - began)) s"
done
if ((failures)); then
    echo "not right: $failures; see $base" >&2
    exit 1
fi
