#!/usr/bin/env bash
# Data on a volume: it is there again after whatever ends an instance, and no two instances have it at once.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
image=$2/service-volume.qcow2

put() { curl --silent --show-error --fail --max-time 20 --request PUT --data "$1" "$endpoint/data"; }
has() { # has <text>: the service has this data, from whichever instance
  [[ $(get "$endpoint/data") == "$1" ]] || fail "the data are '$(get "$endpoint/data")', not '$1'"
}
disks() { find "$XDG_STATE_HOME" -name '*.qcow2' -path '*/.volumes/data/*'; }
using() { # using <n>: so many machines have the volume's disk
  local number=0 pid
  for pid in $(machines); do
    if tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qF "$(disks)"; then number=$((number + 1)); fi
  done
  [[ $number == "$1" ]] || fail "$number machines have the volume, not $1"
}

say "made with the first instance"
endpoint=$(vmfleet up "$image" --name data --timeout $limit)
put one
has one
[[ $(disks | wc -l) == 1 ]] || fail "disks: $(disks)"
is data '.instances[0].start' 'cold: its volumes are its own' || fail "it started $(status data '.instances[0].start')"
is data '.volumes[0] | "\(.number) \(.instance)"' '1 data-1' || fail "volumes: $(status data .volumes)"

say "refused: what would need two instances of the same volume"
expect 2 "cannot be rolled out by the strategy 'blue-green'" vmfleet deploy data "$image" --strategy blue-green
has one

say "redeployed: the old instance ends before the new one starts"
vmfleet up "$image" --name data --env GREETING=other --timeout $limit
is data '.instances | map(.id) | join(" ")' data-2 || fail "instances: $(status data .instances)"
has one
using 1
put two

say "instance and supervisor killed at once: the next one has it"
for pid in $(machines) $(supervisors data); do kill -9 "$pid"; done
await $limit "the next instance" is data '.volumes[0].instance' data-3
await $limit "its machine" is data '.instances[0].pid != null' true
using 1

say "down keeps it, up takes it again"
vmfleet down data 2>"$work/down"
grep -q "the volumes of 'data' are kept in" "$work/down" || fail "down says: $(cat "$work/down")"
[[ $(disks | wc -l) == 1 && -z $(processes) ]] || fail "left are $(disks) $(processes)"
vmfleet list | grep -qE '^data +down ' || fail "list says: $(vmfleet list)"
endpoint=$(vmfleet up "$image" --name data --timeout $limit)
has onetwo

say "down --volumes does not"
vmfleet down data --volumes
nothing_left
