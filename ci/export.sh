#!/usr/bin/env bash
# Shows that other tools take what `harness export` prints: every scenario as compose file and as objects of Kubernetes, and a network of our own image that comes up by docker-compose alone.
#
#   ci/export.sh
#
# Needs docker-compose, an engine on this host (the addresses of containers are asked), curl. Installs kubernetes-validate from PyPI, which has Kubernetes' schemas, into a temporary environment.
# Everything that it makes is gone afterwards. Exit code 1: something is not taken, or did not come up.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
project=hegemon-export-$$
image=hegemon-testbed/export:$$
clean() {
    if [[ -e $work/up.yml ]]; then
        docker-compose --project-name "$project" --file "$work/up.yml" down --volumes --timeout 5 >"$work/down.log" 2>&1 || cat -- "$work/down.log" >&2
    fi
    docker image rm "$image" >/dev/null 2>&1 || true
    rm -rf -- "$work"
}
trap clean EXIT
fail() {
    echo "export: $*" >&2
    exit 1
}

cargo build --quiet --locked -p harness
harness=$(realpath -- "${CARGO_TARGET_DIR:-target}/debug/harness")
python3 -m venv "$work/tools" && "$work/tools/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0 pyyaml==6.0.3

# Every scenario, taken by the tools' own readers, or refused with 4.
taken=0
for folder in scenarios/*/; do
    name=$(basename -- "$folder")
    for tool in compose k8s; do
        code=0
        "$harness" export "$tool" "$name" >"$work/$name.$tool.yml" 2>"$work/said" || code=$?
        if ((code == 4)); then
            rm -- "$work/$name.$tool.yml"
        elif ((code != 0)); then
            fail "$name as $tool: $(cat -- "$work/said")"
        else
            taken=$((taken + 1))
        fi
    done
done
((taken > 0)) || fail "nothing was exported"
for file in "$work"/*.compose.yml; do
    docker-compose --file "$file" config --quiet || fail "docker-compose does not take $(basename -- "$file")"
done
"$work/tools/bin/kubernetes-validate" --strict "$work"/*.k8s.yml >"$work/said" 2>&1 || fail "Kubernetes' schemas: $(cat -- "$work/said")"
# YAML 1.1, which docker-compose and kubectl read, takes `on`, `1e3` and `12:34` for no text.
"$work/tools/bin/python" - "$work"/*.yml <<'PYTHON' || fail "a text is read as something else"
import sys

import yaml

def texts(service):
    env = service.get("environment", service.get("env", []))
    values = env.values() if isinstance(env, dict) else [entry["value"] for entry in env if "value" in entry]
    return [*service.get("command", service.get("args", [])), *values]

for path in sys.argv[1:]:
    with open(path) as file:
        for document in yaml.safe_load_all(file):
            services = document["services"].values() if "services" in document else [
                container for container in document["spec"].get("template", {}).get("spec", {}).get("containers", [])
            ]
            for service in services:
                for text in texts(service):
                    assert isinstance(text, str), f"{path}: {text!r}"
PYTHON
echo "$taken documents taken"

# A network of our own image, by docker-compose alone.
target=$(rustc -vV | sed -n 's/^host: //p')
node=$(cargo rustc --quiet --locked --release -p hegemon-node --bin hegemon-node --target "$target" --message-format=json -- -C target-feature=+crt-static |
    sed -n 's/.*"executable":"\([^"]*\/hegemon-node\)".*/\1/p')
root=$work/root
mkdir -p "$root/etc"
install -m 755 "$node" "$root/hegemon-node"
install -d -m 1777 "$root/tmp" "$root/hegemon-data"
printf 'root:x:0:0:root:/:/sbin/nologin\nnode:x:65532:65532:node:/:/sbin/nologin\n' >"$root/etc/passwd"
changes=()
while IFS= read -r line; do changes+=(--change "$line"); done < <(grep -E '^(USER|WORKDIR|EXPOSE|ENTRYPOINT) ' docker/harness.Dockerfile)
tar -C "$root" --owner=0 --group=0 --create . | docker import "${changes[@]}" - "$image" >/dev/null
"$harness" export compose three-node --nodes 3 --node-image "$image" >"$work/up.yml"
docker-compose --project-name "$project" --file "$work/up.yml" up --detach --quiet-pull >"$work/up.log" 2>&1 || fail "$(cat -- "$work/up.log")"

mapfile -t urls < <(sed -n 's|^#   [a-z0-9-]* *\(http://.*\)$|\1|p' "$work/up.yml")
((${#urls[@]} == 4)) || fail "the file names ${#urls[@]} addresses, not 4"
ask() { curl --silent --max-time 2 --header 'content-type: application/json' --data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\",\"params\":[]}" "$1"; }
deadline=$((SECONDS + 120))
for url in "${urls[@]}"; do
    until [[ $(ask "$url" system_health) == *'"peers":3'* && $(ask "$url" chain_getHeader) == *'"number":"0x'[1-9a-f]* ]]; do
        ((SECONDS < deadline)) || fail "$url has not three peers and a block: $(ask "$url" system_health) $(docker-compose --project-name "$project" --file "$work/up.yml" logs --tail 20 2>&1)"
        sleep 0.5
    done
done
echo "four nodes found each other and mine"

docker-compose --project-name "$project" --file "$work/up.yml" down --volumes --timeout 5 >"$work/down.log" 2>&1 || fail "$(cat -- "$work/down.log")"
rm -- "$work/up.yml"
docker image rm "$image" >/dev/null
left=$(
    docker ps --all --quiet --filter "label=com.docker.compose.project=$project"
    docker network ls --quiet --filter "label=com.docker.compose.project=$project"
    docker volume ls --quiet --filter "label=com.docker.compose.project=$project"
)
[[ -z $left ]] || fail "left behind: $left"
echo "and nothing of them is left"
