#!/usr/bin/env bash
# Cgroups, by a program that tries them inside a guest (cgroup.cpp); and what status says of them here.
# shellcheck source-path=SCRIPTDIR/..
source "$(dirname "$0")/../lib.sh"
image=$2/cgroup.qcow2

say "inside a guest"
vmfleet up "$image" --name cgroup --timeout 60 >/dev/null
grep -q 'cgroup: all as it should be' <<<"$(vmfleet logs cgroup)" || fail "it says: $(vmfleet logs cgroup)"

say "here: held by a cgroup of its own, or it is said why not"
pid=$(pids cgroup) limits=$(status cgroup '.instances[].limits')
mount=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
case $limits in
  cgroup)
    own=$mount$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
    [[ $own == */vmfleet/*/cgroup-1 && $(cat "$own/cpu.max") == "225000 100000" ]] || fail "$own: $(cat "$own/cpu.max")"
    (($(cat "$own/memory.max") < 1 << 30)) || fail "memory: $(cat "$own/memory.max")"
    ;;
  "none: "?*) [[ $(sed -n 's/^0:://p' "/proc/$pid/cgroup") == $(sed -n 's/^0:://p' /proc/self/cgroup) ]] ;;
  *) fail "limits: $limits" ;;
esac

say "down leaves nothing"
vmfleet down cgroup
nothing_left
[[ ! -e ${own-/none} ]] || fail "$own is left"
