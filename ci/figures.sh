#!/usr/bin/env bash
# Runs a scenario several times and prints the median of its figures: what a change costs or saves, from one machine.
#
#   ci/figures.sh [RUNS] [harness scenario arguments…]      default: 5 runs of three-node
#
# The runs' directories stay under runs/figures/ in a new folder. Ends with the first exit code that is not 0, after all runs.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
runs=${1:-5}
shift || true
if (($# == 0)); then
    set -- three-node
fi
out=runs/figures/$(date -u +%Y%m%dT%H%M%SZ)

code=0
cargo build --quiet --locked -p harness
for ((run = 1; run <= runs; run++)); do
    cargo run --quiet --locked -p harness -- scenario --no-progress --out "$out" "$@" | tail -1 || { ended=${PIPESTATUS[0]} && ((code)) || code=$ended; }
done

python3 - "$out" <<'PYTHON'
import json, pathlib, statistics, sys

verdicts = [json.loads(path.read_text()) for path in sorted(pathlib.Path(sys.argv[1]).glob("*/verdict.json"))]
print(f"\n{len(verdicts)} runs in {sys.argv[1]}: " + ", ".join(verdict["verdict"] for verdict in verdicts))
rows = {"seconds": [verdict["seconds"] for verdict in verdicts]}
for verdict in verdicts:
    for name, value in verdict["figures"].items():
        if isinstance(value, (int, float)):
            rows.setdefault(name, []).append(value)
for name, values in rows.items():
    print(f"{name:32} median {statistics.median(values):8.3f}   from {min(values):8.3f} to {max(values):8.3f}   ({len(values)})")
PYTHON
exit "$code"
