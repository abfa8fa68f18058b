#!/usr/bin/env bash
# Holds the files that other people's CI systems read against those systems' published schemas.
#
#   ci/lint.sh
#
# Installs check-jsonschema from PyPI into a temporary environment, which is gone afterwards. Exit code 1: a file is not what its system takes.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

tools=$(mktemp -d)
trap 'rm -rf -- "$tools"' EXIT
python3 -m venv "$tools" && "$tools/bin/pip" install --quiet --disable-pip-version-check check-jsonschema==0.39.0 yamllint==1.38.0

"$tools/bin/yamllint" --strict -d '{extends: default, rules: {line-length: disable, document-start: disable}}' action.yml ci/examples/gitlab.yml
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-actions action.yml
"$tools/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci ci/examples/gitlab.yml
