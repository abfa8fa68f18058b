#!/usr/bin/env bash
# Makes what people without Rust take: one archive with harness, node and adversary, all static, their licences and bills of materials, and tries it.
#
#   ci/release.sh [FOLDER]             the archive and SHA256SUMS in FOLDER (default: target/release-archive)
#   ci/release.sh --check [FOLDER]     builds it once more, in a directory of another name, and compares
#
# What is built is what git has or would take: a copy without anything that is ignored. The same sources and compiler give the same bytes wherever they are.
# Installs cargo-cyclonedx, once, if it is not there. Environment: SOURCE_DATE_EPOCH, the time of everything in the archive (default: the last commit's).
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

check=
if [[ ${1-} == --check ]]; then
    check=yes
    shift
fi
workspace=$PWD
out=$(realpath -m -- "${1:-target/release-archive}")
target=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
name=hegemon-testbed-$version-$target
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
umask 022

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# Everything but what git ignores, as it is now.
copy() {
    mkdir -p "$1"
    git -C "$workspace" ls-files -z --cached --others --exclude-standard --deduplicate |
        (cd -- "$workspace" && while IFS= read -r -d '' file; do [[ ! -e $file && ! -L $file ]] || printf '%s\0' "$file"; done) |
        tar -C "$workspace" --create --null --no-recursion --files-from=- | tar -C "$1" --extract
}

# In a copy, with a directory for what cargo makes. No path of this machine may be in a program: not in panics, not in C's assertions.
programs() {
    local tree=$1 made=$2 cargo_home=${CARGO_HOME:-$HOME/.cargo} map flags=(-C target-feature=+crt-static) c=
    for map in "$tree=/src" "$made=/target" "$cargo_home=/cargo" "$(rustc --print sysroot)=/rust"; do
        flags+=("--remap-path-prefix=$map")
        c+=" -ffile-prefix-map=$map"
    done
    # One after another, so that each has the features that it has when it is built alone: this node is the one that the harness of a clone builds.
    for package in hegemon-node harness; do
        (
            cd -- "$tree"
            # With a target, flags do not reach build scripts and procedural macros, which cannot be static.
            export CARGO_TARGET_DIR=$made CARGO_ENCODED_RUSTFLAGS HARNESS_RELEASE=$version CFLAGS="${CFLAGS-}$c"
            CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf %s "${flags[*]}")
            cargo build --quiet --locked --release --target "$target" --package "$package" --bins
        )
    done
}

# A bill of materials for each program, in CycloneDX: what it is built of, by versions and hashes. It has no path of this machine either.
materials() {
    local tree=$1 to=$2
    (cd -- "$tree" && cargo cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --target "$target" --no-build-deps)
    for program in harness/harness node-patch/hegemon-node node-patch/hegemon-hostile; do
        sed "s|path+file://$tree|path+file:///src|g" "$tree/${program}_bin.cdx.json" >"$to/$(basename -- "$program").cdx.json"
    done
}

# The archive, from a copy and what cargo made of it, in a new directory.
archive() {
    local tree=$1 made=$2/$target/release to=$3 root=$3/$name
    mkdir -- "$to"
    mkdir -p "$root/sbom"
    install -m 755 "$made/harness" "$made/hegemon-node" "$made/hegemon-hostile" "$root"
    install -m 644 "$tree/ci/release/README.md" "$tree/LICENSE" "$tree/LICENSE-MIT" "$tree/LICENSE-APACHE" "$tree/scenarios/release.toml" "$root"
    materials "$tree" "$root/sbom"
    (cd -- "$tree" && python3 ci/release/licences.py "$target") >"$root/THIRD-PARTY.txt"
    tar -C "$to" --create --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" "$name" | gzip -9 --no-name >"$to/$name.tar.gz"
    rm -r -- "$root"
    (cd -- "$to" && sha256sum -- "$name.tar.gz" >SHA256SUMS)
}

# As somebody who has just taken it: another directory, no Rust, no home, and, if we may choose, no rights.
try() {
    local place=$work/try began as=()
    mkdir -p "$place/unpacked" "$place/elsewhere"
    tar -C "$place/unpacked" --extract --file "$work/made-one/$name.tar.gz"
    chmod 755 "$work" "$place"
    for program in harness hegemon-node hegemon-hostile; do
        if grep -aqF -e "$workspace" -e "$work" "$place/unpacked/$name/$program"; then
            echo "$program has a path of this machine in it" >&2
            return 1
        fi
    done
    if ((EUID == 0)); then
        chown 65534:65534 "$place/elsewhere"
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    fi
    began=$(date +%s%N)
    (cd -- "$place/elsewhere" && "${as[@]}" env -i PATH=/nowhere HOME=/nowhere "$place/unpacked/$name/harness" scenario three-node --provider process --no-progress)
    echo "three-node on processes: $((($(date +%s%N) - began) / 1000000)) ms"
    # With the rights that we have: they may be needed for the engine.
    began=$(date +%s%N)
    (cd -- "$place/elsewhere" && env -i PATH=/nowhere HOME="$place/home" ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} "$place/unpacked/$name/harness" scenario three-node --no-progress)
    echo "three-node where it goes by itself: $((($(date +%s%N) - began) / 1000000)) ms"
}

cargo cyclonedx --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-cyclonedx@0.5.9

copy "$work/one"
programs "$work/one" "$workspace/target/archive"
archive "$work/one" "$workspace/target/archive" "$work/made-one"
try
mkdir -p "$out"
if [[ -n $check ]]; then
    # A path of another length, and nothing that was made before.
    copy "$work/elsewhere/and/longer"
    programs "$work/elsewhere/and/longer" "$work/made"
    archive "$work/elsewhere/and/longer" "$work/made" "$work/made-again"
    if ! cmp -s -- "$work/made-one/$name.tar.gz" "$work/made-again/$name.tar.gz"; then
        echo "two builds differ; both are in $out/differ:" >&2
        members() { tar --extract --file "$1" --to-command='echo "$(sha256sum | cut -c1-64) $TAR_FILENAME"'; }
        diff <(members "$work/made-one/$name.tar.gz") <(members "$work/made-again/$name.tar.gz") >&2 || true
        mkdir -p "$out/differ"
        cp -- "$work/made-one/$name.tar.gz" "$out/differ/one.tar.gz"
        cp -- "$work/made-again/$name.tar.gz" "$out/differ/again.tar.gz"
        exit 1
    fi
    echo "two builds, one hash"
fi
# Only what was tried is put where it is taken from.
mv -- "$work/made-one/$name.tar.gz" "$work/made-one/SHA256SUMS" "$out"
cat -- "$out/SHA256SUMS"
ls -l -- "$out/$name.tar.gz"
