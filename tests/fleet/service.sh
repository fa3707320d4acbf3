#!/usr/bin/env bash
# A fleet as a service of systemd: its unit is one, and what the unit's lines start does what is promised at a start, a
# crash, a stop, a shutdown and a boot. systemd itself does not run here: this test does with the lines what it would do.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
export XDG_CONFIG_HOME=$work/config
fleet=$XDG_STATE_HOME/vmfleet/unit

# What systemd says of the machine; on one that it runs, this test leaves it alone.
mkdir "$work/bin"
printf '#!/bin/sh\n[ "$*" != "--user is-system-running" ] || cat "%s"\n' "$work/machine" >"$work/bin/systemctl"
chmod +x "$work/bin/systemctl"
export PATH=$work/bin:$PATH
echo running >"$work/machine"

# run_line <key>: what a line of the unit says, in the unit's environment and nothing else.
run_line() {
  local -a settings words
  mapfile -t settings < <(sed -n 's/^Environment="\(.*\)"$/\1/p' "$unit")
  eval "words=($(sed -n "s/^$1=//p" "$unit"))"
  exec env -i PATH="$PATH" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" "${settings[@]}" "${words[@]}"
}
start() {
  (run_line ExecStart) >>"$work/service.log" 2>&1 &
  service=$!
}
looks_after() { [[ $(supervisors unit) == "$service" ]]; }
whole() { is unit '.settled and .healthy == 2' true; }

endpoint=$(vmfleet up "$image" --name unit --count 2 --timeout $limit)

say "the unit is printed, and valid"
vmfleet install unit --print >"$work/vmfleet-unit.service"
vmfleet install unit --print --system >"$work/vmfleet-system.service"
if command -v systemd-analyze >/dev/null; then
  systemd-analyze --user --man=no verify "$work/vmfleet-unit.service" 2>"$work/verify" || fail "$(cat "$work/verify")"
  systemd-analyze --man=no verify "$work/vmfleet-system.service" 2>>"$work/verify" || fail "$(cat "$work/verify")"
  ! grep vmfleet- "$work/verify" || fail "it has something to say of the units"
fi
[[ ! -e $XDG_CONFIG_HOME ]] || fail "--print wrote something"

say "it is written and enabled"
unit=$(vmfleet install)
[[ $unit == "$XDG_CONFIG_HOME/systemd/user/vmfleet-unit.service" ]] || fail "it is in $unit"
cmp "$unit" "$work/vmfleet-unit.service" || fail "it is another one than was printed"
[[ $(readlink -f "$XDG_CONFIG_HOME/systemd/user/default.target.wants/vmfleet-unit.service") == "$unit" ]] ||
  fail "it is not enabled: $(find "$XDG_CONFIG_HOME")"

say "started, it takes the place of the supervisor that there is, and no request fails"
before=$(pids unit)
start_client "$endpoint"
start
await 30 "the other one to give way" looks_after
whole || fail "status: $(vmfleet status unit)"

say "killed and started again, as on a crash, it takes over what runs"
kill -9 "$service"
wait "$service" 2>/dev/null || true
vmfleet status unit >/dev/null # starts one of its own, meanwhile
start
await 30 "the other one to give way" looks_after
[[ $(pids unit) == "$before" ]] || fail "the instances are others"

say "stopped while the machine runs on, the instances go on"
(run_line ExecStop)
kill -TERM "$service"
wait "$service" || fail "it ended with $?"
sleep 1
stop_client
[[ $(pids unit) == "$before" ]] || fail "the instances are others"

say "at shutdown all is powered off; at boot the fleet is back, at its address"
start
await 30 "the other one to give way" looks_after
echo stopping >"$work/machine"
(run_line ExecStop)
wait "$service" || fail "it ended with $?"
[[ -z $(processes) ]] || fail "processes are left: $(processes)"
vmfleet events unit >"$work/events"
grep -q 'halted .*the machine is shut down' "$work/events" || fail "events: $(cat "$work/events")"
echo running >"$work/machine"
boot() {
  rm -r "$XDG_RUNTIME_DIR/vmfleet"
  jq '.boot_id = "of another boot"' "$fleet/state.json" >"$work/state.json"
  cp "$work/state.json" "$fleet/state.json"
  start
  await $limit "the fleet" whole
  looks_after || fail "another one looks after it"
  [[ $(answering "$endpoint" | wc -l) == 2 ]] || fail "not both answer"
}
boot

say "also when the power was cut"
for pid in $(processes); do kill -9 "$pid"; done
wait "$service" 2>/dev/null || true
boot

say "uninstalled, the fleet goes on"
before=$(pids unit)
kill -TERM "$service"
wait "$service"
vmfleet uninstall unit
[[ -z $(find "$XDG_CONFIG_HOME" ! -type d) ]] || fail "files are left: $(find "$XDG_CONFIG_HOME")"
expect 2 "'unit' is not installed" vmfleet uninstall unit
[[ $(pids unit) == "$before" ]] || fail "the instances are others"
vmfleet down unit
nothing_left
