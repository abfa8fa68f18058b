#!/usr/bin/env bash
# What a release waits for: our own gate, or another one.
#
#   ci/gate.sh                                   scenarios/release.toml
#   ci/gate.sh my/release.toml --jobs 2          any arguments of `harness gate`
#   ci/gate.sh --resume gates/release-…          goes on with one that a CI system ended
#
# Environment:
#   GATE_OUT   folder in which each gate makes a new directory (default: gates); keep it as an artefact. Relative to the workspace.
#
# Exit codes are the harness's: 0 accepted, 1 rejected, 2 undecided, 3 environment, 64 usage, 130/143 interrupted.
# 101 is cargo's own: the harness did not compile.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if (($# == 0)); then
    set -- scenarios/release.toml
fi
if [[ $1 != --resume ]]; then
    set -- --out "${GATE_OUT:-gates}" "$@"
fi

# Both replace themselves: a signal that CI sends to this process reaches the harness, which cleans up.
exec cargo run --quiet --locked -p harness -- gate "$@"
