#!/usr/bin/env bash
# Mutation testing of what decides: each small change to the code must be noticed by a test.
#
#   ci/mutants.sh [SHARD]      a part as `k/n`, from 0/n to (n-1)/n (default: all of it; about an hour on two idle cores)
#
# Only what decides, built without Docker and command line, and tested by the unit tests alone, so that a mutant takes four seconds. What survives is listed at the end, and either
# killed by a new test or explained in harness/TRIALS.md.
# Exit code: that of cargo-mutants: 0 every mutant was caught, 2 some were missed, 3 some ran into their timeout, 4 the tests fail without any change; 64 usage.
# Needs cargo-mutants (`cargo install cargo-mutants --locked`; installed if it is missing).
set -euo pipefail

shard=${1:-0/1}
if ! [[ $shard =~ ^([0-9]{1,3})/([1-9][0-9]{0,2})$ ]] || ((10#${BASH_REMATCH[1]} >= 10#${BASH_REMATCH[2]})); then
    echo "a shard is k/n with k from 0 to n-1, not \`$shard\`" >&2
    exit 64
fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
# Debugging information is half of a build's time here.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
exec cargo mutants --package harness --no-default-features --cargo-arg=--lib --shard "$shard" --timeout 60 --output target \
    --file 'harness/src/check/**' --file harness/src/exit.rs --file harness/src/history.rs --file harness/src/verdict.rs \
    --file harness/src/fault/evidence.rs --file harness/src/verify/replayed.rs --file harness/src/selftest/judge.rs
