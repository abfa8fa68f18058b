#!/usr/bin/env bash
# Mutation testing of what decides: each small change to the code must be noticed by a test.
#
#   ci/mutants.sh [PART [SHARD]]     PART: checks (default), verify or run; SHARD: a part of it as `k/n`, from 0/n to (n-1)/n (default: all of it)
#
# checks   checks, verdict, history, proofs of faults, judgement of controls: by the unit tests alone, four seconds a mutant, some 45 minutes on one core
# verify   what derives a verdict from a bundle: by the unit tests and tests/bundle.rs, half a minute a mutant
# run      what drives a run and its faults: by the unit tests and the fake network of tests/executor.rs, a minute a mutant, three at a time
#
# The first and last without Docker and command line, which is what makes them quick. What survives is listed at the end, and either killed by a new test or explained in harness/TRIALS.md.
# Exit code: that of cargo-mutants: 0 every mutant was caught, 2 some were missed, 3 some ran into their timeout, 4 the tests fail without any change; 64 usage.
# Needs cargo-mutants (`cargo install cargo-mutants --locked`; installed if it is missing).
set -euo pipefail

part=${1:-checks} shard=${2:-0/1}
if ! [[ $shard =~ ^([0-9]{1,3})/([1-9][0-9]{0,2})$ ]] || ((10#${BASH_REMATCH[1]} >= 10#${BASH_REMATCH[2]})); then
    echo "a shard is k/n with k from 0 to n-1, not \`$shard\`" >&2
    exit 64
fi
case $part in
    checks)
        how=(--no-default-features --cargo-arg=--lib --timeout 60)
        files=('check/**' exit.rs history.rs verdict.rs fault/evidence.rs selftest/judge.rs)
        ;;
    verify)
        # Two of the tests run the program itself; and a property that fails is enough, nobody reads its smallest case.
        export PROPTEST_MAX_SHRINK_ITERS=0
        how=(--cargo-arg=--lib --cargo-arg=--bins --cargo-arg=--test --cargo-arg=bundle --timeout 120 --jobs 2)
        files=('bundle/**' 'verify/**')
        ;;
    run)
        how=(--no-default-features --cargo-arg=--lib --cargo-arg=--test --cargo-arg=executor --timeout 180 --jobs 3)
        # They wait more than they work.
        export RUST_TEST_THREADS=10
        files=(run/{controller,executor,phase,testbed,watch}.rs fault/restart.rs)
        ;;
    *)
        echo "there is no part \`$part\`; there are checks, verify and run" >&2
        exit 64
        ;;
esac
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
# Debugging information is half of a build's time here.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
exec cargo mutants --package harness --shard "$shard" --output "target/mutants-$part" "${how[@]}" "${files[@]/#/--file=harness/src/}"
