#!/usr/bin/env bash
# The whole scenario library, on both providers, and with Docker an image of the node as it is released: what CI does not have the time for on every change.
# ci/nightly.sh [PROVIDER…]; both without any. Exit code: the first that is not 0. Runs stay under runs/nightly-PROVIDER.
set -uo pipefail
cd "$(dirname "$0")/.."

providers=("$@")
if [ ${#providers[@]} -eq 0 ]; then providers=(process docker); fi
worst=0
for provider in "${providers[@]}"; do
    printf '\n== the library on %s\n' "$provider"
    cargo run -q -p harness -- scenario all --provider "$provider" --no-progress --quiet --out "runs/nightly-$provider"
    code=$?
    # 4: this provider cannot do what some scenarios need, and all others passed.
    if [ "$worst" -eq 0 ] && [ "$code" -ne 0 ] && [ "$code" -ne 4 ]; then worst=$code; fi
done
if [[ " ${providers[*]} " == *' docker '* ]]; then
    printf '\n== an image of the released build\n'
    name=testcontainers::an_image_of_the_released_build_holds_the_example
    said=$(cargo test -q -p harness --test real -- --ignored --exact "$name" 2>&1)
    code=$?
    printf '%s\n' "$said"
    # Cargo is content when no test has this name.
    if [ "$code" -eq 0 ] && [[ $said != *'1 passed'* ]]; then
        echo "no test $name" >&2
        code=1
    fi
    if [ "$worst" -eq 0 ]; then worst=$code; fi
fi
exit "$worst"
