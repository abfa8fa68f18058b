#!/usr/bin/env bash
# What a CI system calls: runs scenarios, passes the harness's exit code on, and leaves the run directories as the artefact.
#
#   ci/acceptance.sh                                  three-node, on Docker if an engine answers, else as processes
#   ci/acceptance.sh three-node --provider docker     any arguments of `harness scenario`
#
# Environment:
#   ACCEPTANCE_OUT   folder in which each run makes a new directory (default: runs); keep it as an artefact, pass or fail. Relative to the workspace.
#
# Exit codes are the harness's: 0 pass, 1 fail, 2 inconclusive, 3 environment, 4 nothing ran, 64 usage, 70 bug, 130/143 interrupted.
# 101 is cargo's own: the harness did not compile.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if (($# == 0)); then
    set -- three-node
fi

# Both replace themselves: a signal that CI sends to this process reaches the harness, which cleans up.
exec cargo run --quiet --locked -p harness -- scenario --no-progress --out "${ACCEPTANCE_OUT:-runs}" "$@"
