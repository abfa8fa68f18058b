#!/usr/bin/env bash
# What a CI system calls: runs scenarios, passes the harness's exit code on, and leaves the run directories as the artefact.
#
#   ci/acceptance.sh                                  three-node, Docker if an engine answers, else processes
#   ci/acceptance.sh three-node --provider docker     any arguments of `harness scenario`
#
# Environment:
#   ACCEPTANCE_OUT   folder that gets one new directory for each run (default: <workspace>/runs); keep it as an artefact, pass or fail.
#
# Exit codes are the harness's: 0 pass, 1 fail, 2 inconclusive, 3 environment, 4 nothing ran, 64 usage, 70 bug, 130/143 interrupted.
# 101 comes from cargo itself: the harness did not compile.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

arguments=("$@")
if (($# == 0)); then
    arguments=(three-node)
fi

# Compiling apart from running: a signal during the run then reaches the harness itself, which cleans up, and not cargo in front of it.
cargo build --quiet --locked -p harness
exec "${CARGO_TARGET_DIR:-target}/debug/harness" scenario --no-progress --out "${ACCEPTANCE_OUT:-runs}" "${arguments[@]}"
