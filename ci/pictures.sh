#!/usr/bin/env bash
# Makes the pictures of the README anew, from a real run: its report in a browser, and what the terminal said.
#
#   ci/pictures.sh [SCENARIO]      partition without one, on processes
#
# Needs a browser (Debian's chromium). Exit code: the run's, so nobody sees the picture of a run that did not pass.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cargo run --quiet --locked -p harness -- scenario "${1:-partition}" --provider process --no-progress --out "$work/runs" >"$work/said"

shoot() { chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" --window-size="$2" --screenshot="harness/pictures/$1.png" "file://$3" 2>/dev/null; }

shoot report 1100,1300 "$(echo "$work"/runs/*/report.html)"

# Where this machine keeps its runs is nobody's business.
sed -e "s|$work/||g" -e 's/&/\&amp;/g' -e 's/</\&lt;/g' "$work/said" >"$work/text"
{
    printf '%s' '<!doctype html><meta charset="utf-8"><style>body{background:#11151a;color:#d9dee4;margin:16px;font:13px/1.45 ui-monospace,monospace}pre{margin:0;white-space:pre-wrap}</style><pre>'
    printf '$ harness scenario %s\n' "${1:-partition}"
    cat "$work/text"
    printf '%s' '</pre>'
} >"$work/terminal.html"
shoot terminal 900,640 "$work/terminal.html"
