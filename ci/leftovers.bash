# For the scripts beside this one, not to be run: what is left of the runs in one folder, by a look that owes nothing to the harness.

# An engine that does not answer has not said that nothing is left.
found() {
    local column=$1 ids
    shift
    ids=$("$@") || { echo "$* failed: nobody knows what is left" >&2; exit 3; }
    left[column]=$((left[column] + $(grep -c . <<<"$ids" || true)))
}

# COLUMNS OUT: sets `left` to the numbers of containers, networks, images, volumes, processes, scratch directories and entries that are left of the runs under OUT/runs
# (with their state in OUT/state).
columns=(containers networks images volumes processes directories entries)
count_left() {
    local out=$1 dir run
    left=(0 0 0 0 0 0 0)
    for dir in "$out"/runs/*/; do
        [[ -d $dir ]] || continue
        run=$(basename -- "$dir")
        run=${run##*-}
        if [[ -n ${engine:-} ]]; then
            local filter=(--filter "label=org.hegemon.testbed.run=$run")
            found 0 docker ps -aq "${filter[@]}"
            found 1 docker network ls -q "${filter[@]}"
            found 2 docker images -aq "${filter[@]}"
            found 3 docker volume ls -q "${filter[@]}"
        fi
        [[ ! -e $dir/scratch ]] || ((left[5] += 1))
    done
    # Harnesses, watchdogs and nodes have the folder in their arguments, or run in it.
    left[4]=$(
        for process in /proc/[0-9]*; do
            { [[ $(readlink "$process/cwd") == "$out"* ]] || tr '\0' ' ' <"$process/cmdline" | grep -qF -- "$out"; } 2>/dev/null && [[ $(awk '/^State/ { print $2 }' "$process/status" 2>/dev/null) != Z ]] && echo "$process"
        done | grep -vxc "/proc/$BASHPID" || true
    )
    left[6]=$(find "$out/state" -type f 2>/dev/null | wc -l || true)
}

# Ends when no watchdog of a run in this folder is there any more; it gives itself 90 s.
await_watchdogs() {
    local deadline=$((SECONDS + 100))
    while pgrep -f -- "^harness-watchdog watchdog .*$1" >/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
}

# A container and a network of somebody else: FOREIGN, to be there at the end as they were at the beginning.
foreign_make() {
    foreign=foreign-$$-$RANDOM
    tar -c --files-from=/dev/null | docker import -c 'CMD ["/none"]' - "$foreign" >/dev/null
    for part in {0..15}; do
        docker network create --internal --subnet "192.0.2.$((part * 16))/28" "$foreign" >/dev/null 2>&1 && break
    done
    docker create --name "$foreign" "$foreign" >/dev/null
    foreign_ids=$(foreign_look)
}
foreign_look() { docker inspect --type container -f '{{.Id}}' "$foreign" && docker network inspect -f '{{.Id}}' "$foreign" && docker image inspect -f '{{.Id}}' "$foreign"; }
foreign_is_untouched() { [[ $(foreign_look 2>&1) == "$foreign_ids" ]]; }
foreign_remove() {
    docker rm -f "$foreign" >/dev/null 2>&1 || true
    docker network rm "$foreign" >/dev/null 2>&1 || true
    docker rmi -f "$foreign" >/dev/null 2>&1 || true
}
