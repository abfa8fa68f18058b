#!/usr/bin/env bash
# What is left after whatever ends the harness, counted: SIGINT, SIGTERM, SIGKILL and SIGABRT at random moments of three-node, partition (lines are cut, by helpers beside containers) and kill-storm (states are volumes of their own), a panic inside the harness, a start that fails.
#
#   ci/leaks.sh [TRIALS [PROVIDER ...]]     trials of each kind (default 10); providers docker and process (default both)
#
# Environment:
#   LEAKS_SEED       of the random moments; printed, so that a run can be repeated (default: from the clock)
#   LEAKS_NODE_BIN   node to run (default: this workspace's, built here)
#   LEAKS_OUT        where runs' directories go (default: a new one in /tmp, removed if nothing was wrong)
#
# After SIGKILL and SIGABRT it waits for the watchdog. A container and a network of somebody else are made first and must be untouched at the end.
# Exit code: 0 nothing was left and every harness ended as it should, 1 not so, 3 no engine for docker, 64 usage.
set -euo pipefail

trials=${1:-10}
shift || true
if (($# == 0)); then set -- docker process; fi
if ! [[ $trials =~ ^[1-9][0-9]{0,3}$ ]]; then
    echo "trials: a whole number from 1 to 9999, not \`$trials\`" >&2
    exit 64
fi
for provider in "$@"; do
    [[ $provider == docker || $provider == process ]] || { echo "no provider \`$provider\`; there are docker and process" >&2 && exit 64; }
done
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source ci/leftovers.bash

engine=
if docker version >/dev/null 2>&1; then engine=yes; fi
if [[ " $* " == *" docker "* && -z $engine ]]; then
    echo "no Docker engine answers" >&2
    exit 3
fi
seed=${LEAKS_SEED:-$((10#$(date +%N) % 32768))}
RANDOM=$seed
out=${LEAKS_OUT:-$(mktemp -d /tmp/leaks.XXXXXX)}
mkdir -p "$out"
out=$(cd -- "$out" && pwd -P)
cargo build --quiet --locked -p harness
cargo test --quiet --locked -p harness --test panics --no-run
harness=$PWD/target/debug/harness
node=${LEAKS_NODE_BIN:-}
if [[ -z $node ]]; then
    cargo build --quiet --locked --release -p hegemon-node
    node=$PWD/target/release/hegemon-node
fi
if [[ -n $engine ]]; then
    foreign_make
    trap foreign_remove EXIT
fi
# Background jobs get groups of their own, and do not ignore SIGINT.
set -m

# A node that ends at once (process), an image without the program that it names (docker).
printf '#!/bin/sh\n[ "$1" = --version ] && { echo "hegemon-node 9.9.9 (hegemon-testbed)"; exit 0; }\nexit 7\n' >"$out/node.sh"
chmod +x "$out/node.sh"

scenarios=(three-node partition kill-storm)

# CAUSE PROVIDER FOLDER: ends one harness; prints its exit code, and whether that is the right one.
one_trial() {
    local cause=$1 provider=$2 folder=$3 code=0
    local scenario=three-node
    [[ $cause == start ]] || scenario=${scenarios[RANDOM % ${#scenarios[@]}]}
    local what=(scenario "$scenario" --no-progress --quiet --provider "$provider" --out "$folder/runs")
    export XDG_STATE_HOME=$folder/state
    case $cause in
        panic)
            PANIC_AFTER_MS=$((RANDOM % 4000)) TMPDIR=$folder cargo test --quiet --locked -p harness --test panics -- "$provider" >"$folder/out" 2>&1 || code=$?
            expected=0
            ;;
        start)
            local bad=(--node-bin "$out/node.sh")
            expected=1
            if [[ $provider == docker ]]; then
                bad=(--node-image "$foreign")
                expected=3
            fi
            "$harness" "${what[@]}" "${bad[@]}" >"$folder/out" 2>&1 || code=$?
            ;;
        *)
            "$harness" "${what[@]}" --node-bin "$node" >"$folder/out" 2>&1 &
            local pid=$!
            sleep "$((RANDOM % 16)).$((RANDOM % 10))$((RANDOM % 10))"
            kill -s "$cause" "$pid" 2>/dev/null || true
            wait "$pid" 2>/dev/null || code=$?
            expected=$((128 + $(kill -l "$cause")))
            # It may have ended well before.
            ((code == 0)) && expected=0
            await_watchdogs "$folder"
            ;;
    esac
    ended=$code
}

wrong=0
printf 'seed %s, %s trials each, in %s\n\n%-9s %-7s %6s %6s' "$seed" "$trials" "$out" provider cause trials exits
printf ' %11s' "${columns[@]}"
echo
for provider in "$@"; do
    for cause in INT TERM KILL ABRT panic start; do
        sums=(0 0 0 0 0 0 0)
        exits=0
        for ((trial = 1; trial <= trials; trial++)); do
            folder=$out/$provider-$cause-$trial
            mkdir -p "$folder"
            one_trial "$cause" "$provider" "$folder"
            if ((ended != expected)); then
                ((exits += 1))
                echo "  $folder: ended with $ended, not $expected; its words are in $folder/out" >&2
            fi
            count_left "$folder"
            for column in "${!left[@]}"; do
                ((sums[column] += left[column])) || true
                ((left[column] == 0)) || echo "  $folder: ${left[column]} ${columns[column]} left" >&2
            done
        done
        printf '%-9s %-7s %6s %6s' "$provider" "$cause" "$trials" "$exits"
        printf ' %11s' "${sums[@]}"
        echo
        for number in "$exits" "${sums[@]}"; do ((wrong += number)) || true; done
    done
done
if [[ -n $engine ]]; then
    if foreign_is_untouched; then
        echo "a container, a network and an image of somebody else are untouched"
    else
        echo "a container, a network or an image of somebody else was touched: $(foreign_look 2>&1), before: $foreign_ids" >&2
        ((wrong += 1))
    fi
fi
if ((wrong)); then
    echo "not right: $wrong; see $out" >&2
    exit 1
fi
[[ -n ${LEAKS_OUT:-} ]] || rm -rf "$out"
