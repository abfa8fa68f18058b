#!/usr/bin/env bash
# Mutation testing of what decides and of what drives: each small change to the code must be noticed by a test.
#
#   ci/mutants.sh [PART [SHARD]]     PART: checks (default), verify, plan, run or asking; SHARD: a part of it as `k/n`, from 0/n to (n-1)/n (default: all of it)
#
# checks   checks, verdict, history, proofs of faults, judgement of controls: by the core's unit tests
# verify   what derives a verdict from a bundle: by the core's unit tests and a recorded bundle in memory
# plan     what reads a scenario and plans its run: by the core's unit tests, tests/plan.rs and tests/needs.rs
# run      what drives a run and its faults: by a fake network, in paused time but for four tests of programs
# asking   what of it asks nodes, runs programs, and writes events and evidence: by its unit tests too
#
# The first three build the core alone, none needs Docker or a node: harness/TRIALS.md has the seconds a mutant. What survives is listed at the end, and either killed by a new test or explained there.
# Exit code: that of cargo-mutants: 0 every mutant was caught, 2 some were missed, 3 some ran into their timeout, 4 the tests fail without any change; 64 usage.
# Needs cargo-mutants (`cargo install cargo-mutants --locked`; installed if it is missing).
set -euo pipefail

part=${1:-checks} shard=${2:-0/1}
if ! [[ $shard =~ ^([0-9]{1,3})/([1-9][0-9]{0,2})$ ]] || ((10#${BASH_REMATCH[1]} >= 10#${BASH_REMATCH[2]})); then
    echo "a shard is k/n with k from 0 to n-1, not \`$shard\`" >&2
    exit 64
fi
core=(--package harness-core --cargo-arg=--lib --timeout 60)
tests=()
# Tests that draw by the thousand are four fifths of the core's processor time, and about nothing that is changed here.
drawn=(-- -- --skip soak:: --skip generate:: --skip shrink:: --skip statistics::)
# The core decides in every run, and is compiled once.
driving=(--package harness-run --cargo-arg=--test --cargo-arg=executor --timeout 30 --cargo-arg=--config --cargo-arg='profile.test.package.harness-core.opt-level=1')
asking=(run/src/{door,http,journal,wanted}.rs 'run/src/'{evidence,poll,program}'/**')
case $part in
    checks)
        how=("${core[@]}")
        tests=("${drawn[@]}")
        files=(core/src/{'check/**','fault/**',exit.rs,history.rs,verdict.rs,'verdict/**',selftest/judge.rs})
        ;;
    verify)
        how=("${core[@]}" --cargo-arg=--test --cargo-arg=verify)
        tests=("${drawn[@]}")
        files=(core/src/{'bundle/**','verify/**'})
        ;;
    plan)
        how=("${core[@]}" --cargo-arg=--test --cargo-arg=needs --cargo-arg=--test --cargo-arg=plan)
        files=(core/src/{'scenario/**','document/**',needs.rs,node.rs,subnet.rs,'profile/**'})
        ;;
    run)
        # Unit tests would have the crate compiled a second time for each mutant, and these files have none.
        how=("${driving[@]}")
        files=('run/src/**')
        # What a control disturbs shows on real nodes, by `selftest`; of providers there is what one says that cannot do something; the program is for tests.
        for file in "${asking[@]}" run/src/{bin,disturbed,provider}/'**'; do how+=("--exclude=harness/$file"); done
        ;;
    asking)
        how=("${driving[@]}" --cargo-arg=--lib)
        files=("${asking[@]}")
        ;;
    *)
        echo "there is no part \`$part\`; there are checks, verify, plan, run and asking" >&2
        exit 64
        ;;
esac
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
# Debugging information is half of a build's time here; a property that fails is enough, nobody reads its smallest case.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 PROPTEST_MAX_SHRINK_ITERS=0
mkdir -p target
exec cargo mutants --shard "$shard" --output "target/mutants-$part" "${how[@]}" "${files[@]/#/--file=harness/}" "${tests[@]}"
