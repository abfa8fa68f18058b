#!/usr/bin/env bash
# Holds what other people's programs read against what they take: CI jobs by those systems' published schemas, completions by the shells, manual pages by groff.
#
#   ci/lint.sh
#
# Installs check-jsonschema and yamllint from PyPI into a temporary environment, which is gone afterwards. Exit code 1: a file is not what its reader takes, or could not be held against it.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

tools=$(mktemp -d)
trap 'rm -rf -- "$tools"' EXIT
python3 -m venv "$tools" && "$tools/bin/pip" install --quiet --disable-pip-version-check check-jsonschema==0.39.0 yamllint==1.38.0
yaml() { "$tools/bin/yamllint" --strict -d '{extends: default, rules: {line-length: disable, document-start: disable}}' "$@"; }
github() { yaml "$@" && "$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows "$@"; }
gitlab() { yaml "$@" && "$tools/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "$@"; }

yaml action.yml
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-actions action.yml
github ci/examples/github.yml
gitlab ci/examples/gitlab.yml ci/examples/gitlab-image.yml

# What `harness init` writes, for each kind of node.
cargo build --quiet --locked -p harness
harness=$(realpath target/debug/harness)
for node in '' '--node-image my/node:1.2' '--node-bin ./node'; do
    made="$tools/made"
    # shellcheck disable=SC2086 # words, not one
    "$harness" init "$made" $node >/dev/null 2>&1
    "$harness" init "$made/gitlab" --ci gitlab $node >/dev/null 2>&1
    github "$made/.github/workflows/hegemon.yml"
    gitlab "$made/gitlab/.gitlab/hegemon.yml"
    rm -r -- "$made"
done

missing=0
for shell in bash zsh fish; do
    if command -v "$shell" >/dev/null; then
        "$harness" completions "$shell" >"$tools/completions"
        "$shell" -n "$tools/completions"
    else
        echo "no $shell here: its completions were not looked at" >&2
        missing=1
    fi
done
if command -v groff >/dev/null; then
    "$harness" man "$tools/man" >/dev/null
    for page in "$tools"/man/*.1; do
        said=$(groff -k -man -Tutf8 -ww "$page" 2>&1 >/dev/null)
        [ -z "$said" ] || { echo "$page: $said" >&2; missing=1; }
    done
else
    echo 'no groff here: the manual pages were not looked at' >&2
    missing=1
fi
exit "$missing"
