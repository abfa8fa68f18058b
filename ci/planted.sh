#!/usr/bin/env bash
# Ten bugs as drivers have them, one after the other in a copy of the node: how many seeds of whole nodes in virtual time it takes until each is found.
#
#   ci/planted.sh [SEEDS [NAME…]]     SEEDS: seeds that each bug has (default: 1000); NAME: only these, by their file in ci/planted without `.patch` (default: all)
#
# Each patch in ci/planted is applied to a copy of this checkout under target/planted, never to the checkout itself; nothing of it is in any binary that is kept. Before the first the copy runs without a bug: what fails there says nothing of the bugs.
# Exit code: 0 at least eight of ten were found, and half of them within 100 seeds; 1 fewer, or later, or a seed fails without a bug; 2 a patch does not apply or does not build; 64 usage.
# PLANTED_JOBS: threads (default: the cores). PLANTED_QUICK=1 builds the two packages with less optimisation: sooner where each bug is found at once.
set -euo pipefail

seeds=${1:-1000}
if ! [[ $seeds =~ ^[1-9][0-9]*$ ]]; then
    echo "SEEDS is a number, not \`$seeds\`" >&2
    exit 64
fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
names=("${@:2}")
if ((${#names[@]} == 0)); then
    for patch in ci/planted/*.patch; do
        name=${patch##*/}
        names+=("${name%.patch}")
    done
fi
for name in "${names[@]}"; do
    if ! [[ -f ci/planted/$name.patch ]]; then
        echo "there is no planted bug \`$name\`; ci/planted has them" >&2
        exit 64
    fi
done
jobs=${PLANTED_JOBS:-$(nproc)}
quick=()
if [[ -n ${PLANTED_QUICK:-} ]]; then
    for package in hegemon-node hegemon-sim hegemon-adapter; do
        quick+=(--config "profile.release.package.$package.opt-level=1" --config "profile.release.package.$package.codegen-units=16")
    done
fi
checkout=$PWD copy=$PWD/target/planted/copy
export CARGO_TARGET_DIR=$PWD/target/planted/target
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done | tar --null --files-from=- --create | tar --extract --touch --directory "$copy"

build() {
    (cd -- "$copy" && cargo build --quiet --release --locked --package hegemon-sim "${quick[@]}") || exit 2
}
# Prints what explore says of the first seed that fails; nothing if none does.
first() {
    "$CARGO_TARGET_DIR/release/hegemon-sim" explore --seeds "0..$seeds" --jobs "$jobs" 2>/dev/null | sed -n '/^seed [0-9]*: /{p;q;}' || true
}

build
if failing=$(first) && [[ -n $failing ]]; then
    echo "without a bug: $failing" >&2
    exit 1
fi
found=()
printf '%-24s %8s  %s\n' bug seeds "broken property"
for name in "${names[@]}"; do
    (cd -- "$copy" && patch --quiet --strip=1 <"$checkout/ci/planted/$name.patch") || exit 2
    build
    failing=$(first)
    if [[ $failing =~ ^seed\ ([0-9]+):\ (.*)$ ]]; then
        found+=($((BASH_REMATCH[1] + 1)))
        printf '%-24s %8d  %s\n' "$name" "$((BASH_REMATCH[1] + 1))" "${BASH_REMATCH[2]}"
    else
        printf '%-24s %8s  %s\n' "$name" - "none in $seeds seeds"
    fi
    (cd -- "$copy" && patch --quiet --reverse --strip=1 <"$checkout/ci/planted/$name.patch") || exit 2
done
# Half of all that were planted, found or not.
half=$(((${#names[@]} + 1) / 2))
mapfile -t sorted < <(((${#found[@]} == 0)) || printf '%s\n' "${found[@]}" | sort -n)
median=${sorted[half - 1]:-more than $seeds}
echo "${#found[@]} of ${#names[@]} found; half of them within $median seeds"
((${#found[@]} * 10 >= ${#names[@]} * 8)) && [[ $median =~ ^[0-9]+$ ]] && ((median <= 100))
