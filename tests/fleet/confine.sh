#!/usr/bin/env bash
# What a machine's process can reach of this host: as root, as an ordinary user, and where namespaces are forbidden.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

fleet=$XDG_STATE_HOME/vmfleet/jail
field() { sed -n "s/^$2:\t*//p" "/proc/$1/status"; }

# unprivileged <pid>: no user of this host's own, no capability, no way to get one, and QEMU's system call filter.
unprivileged() {
  [[ $(field "$1" CapEff) == 0000000000000000 ]] || fail "it has capabilities: $(field "$1" CapEff)"
  [[ $(field "$1" NoNewPrivs) == 1 && $(field "$1" Seccomp) == 2 ]] || fail "it may get privileges, or call anything"
}

# sees_only_its_own <pid> <number>
sees_only_its_own() {
  local root=/proc/$1/root
  [[ -e $root/usr/bin && ! -e $root/etc/passwd && ! -e $root/proc/1 && ! -e $root/sys/kernel ]] ||
    fail "it sees more than it needs: $(ls "$root" "$root/etc")"
  [[ $(ls "$root$fleet/instances") == "jail-$2" ]] || fail "it sees instances: $(ls "$root$fleet/instances")"
  [[ $(ls "$root$fleet/logs") == "jail-$2.log" ]] || fail "it sees logs: $(ls "$root$fleet/logs")"
  [[ ! -e $root$fleet/state.json && ! -e $root$fleet/secrets ]] || fail "it sees the fleet's state"
  # Monitor, console, and the line to the program that gives it an identity.
  [[ $(find "$root$XDG_RUNTIME_DIR" -type s -printf '%P\n' | sed 's,.*/\([0-9]*\)/[a-z]*$,\1,' | sort | uniq -c) == *" 3 $2" ]] ||
    fail "it sees sockets: $(find "$root$XDG_RUNTIME_DIR" -type s)"
  [[ ! -e $root$fleet/snapshots || $(cd "$root$fleet/snapshots" && find . -type f -printf '%f %m\n') == "memory 444" ]] ||
    fail "it sees of snapshots: $(find "$root$fleet/snapshots" -ls)"
  grep -q " $fleet/images/.* ro" "/proc/$1/mountinfo" || fail "it may write to the image: $(cat "/proc/$1/mountinfo")"
}

say "each machine sees its own files only, and is nobody"
endpoint=$(vmfleet up "$image" --name jail --count 2 --timeout $limit --secret "db=$0")
[[ $(status jail '[.instances[].confinement] | unique | join(" ")') == namespaces ]] ||
  fail "confinement: $(status jail '.instances[].confinement')"
first=$(status jail '.instances[0].pid') second=$(status jail '.instances[1].pid')
unprivileged "$first"
sees_only_its_own "$first" 1
sees_only_its_own "$second" 2
if [[ $EUID == 0 ]]; then
  [[ $(field "$first" Uid | cut -f 1) -gt 65536 && $(field "$first" Uid) != "$(field "$second" Uid)" ]] ||
    fail "users: $(field "$first" Uid), $(field "$second" Uid)"
fi

say "it is found again by the next supervisor, and powered off"
kill -9 "$(supervisors jail)"
is jail .healthy 2 || fail "after the take-over: $(vmfleet status jail)"
[[ $(pids jail) == "$(sort <<<"$first"$'\n'"$second")" ]] || fail "instances were started again"
vmfleet scale jail 1 --timeout $limit
get "$endpoint/" >/dev/null
vmfleet down jail
nothing_left

if [[ $EUID != 0 ]]; then exit 0; fi
# What an ordinary user needs of what root has made.
export VMIMAGE_CACHE=$work/cache
cp "$program" "$work/vmfleet"
cp "$image" "$work/image.qcow2"
chmod 755 "$work" "$work/vmfleet"
chmod 644 "$work/image.qcow2"
mkdir "$XDG_STATE_HOME/vmfleet" 2>/dev/null || true
chown -R 65534:65534 "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR"
install -d -o 65534 "$VMIMAGE_CACHE"
as() { # as <program> <how it is started...>: vmfleet is started so from here on
  printf '#!/bin/sh\nexec %s %q "$@"\n' "${*:2}" "$1" >"$work/as"
  chmod 755 "$work/as"
  program=$work/as
}
own_program=$program
as "$work/vmfleet" setpriv --reuid 65534 --regid 65534 --clear-groups env "HOME=$work"

if setpriv --reuid 65534 --regid 65534 --clear-groups unshare --user --map-user=65534 true 2>/dev/null; then
  say "the same for an ordinary user"
  endpoint=$(vmfleet up "$work/image.qcow2" --name jail --count 1 --timeout $limit)
  is jail '.instances[0].confinement' namespaces || fail "confinement: $(status jail '.instances[].confinement')"
  first=$(status jail '.instances[0].pid')
  unprivileged "$first"
  sees_only_its_own "$first" 1
  [[ $(readlink "/proc/$first/ns/user") != "$(readlink /proc/self/ns/user)" ]] || fail "it has no user namespace"
  kill -9 "$(supervisors jail)"
  is jail .healthy 1 || fail "after the take-over: $(vmfleet status jail)"
  [[ $(pids jail) == "$first" ]] || fail "it was started again"
  vmfleet down jail
  nothing_left
fi

say "where namespaces are forbidden, status says so, and the fleet runs"
chown -R 0:0 "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR"
as "$own_program" setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin
endpoint=$(vmfleet up "$image" --name jail --count 1 --timeout $limit)
[[ $(status jail '.instances[0].confinement') == 'none: failed to make namespaces: '* ]] ||
  fail "confinement: $(status jail '.instances[].confinement')"
get "$endpoint/" >/dev/null
vmfleet down jail
nothing_left
