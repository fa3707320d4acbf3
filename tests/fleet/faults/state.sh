#!/usr/bin/env bash
# A fleet's files and its machine: its image is deleted, or written to; its port is taken; the machine is started anew;
# the state is cut off, or of a newer version.
# shellcheck source-path=SCRIPTDIR/..
source "$(dirname "$0")/../lib.sh"
cp "$2/faulty.qcow2" "$2/faulty.json" "$work"
image=$work/faulty.qcow2
fleet=$XDG_STATE_HOME/vmfleet/state

kill_all() { # kill_all <comm>: this test's processes that are called so
  local pid
  for pid in $(processes); do
    if grep -qs "^$1" "/proc/$pid/comm"; then
      kill -9 "$pid"
      while kill -0 "$pid" 2>/dev/null && ! grep -qs '^State:.*zombie' "/proc/$pid/status"; do sleep 0.01; done
    fi
  done
}
says() { [[ $(status state .problem) == *"$1"* ]]; }
settled() { is state '.settled and .healthy == 1' true; }

endpoint=$(vmfleet up "$image" --name state --cold --timeout $limit)
port=${endpoint##*:}

say "its image is deleted: an instance that dies is replaced all the same"
rm "$image"
kill_all qemu-system
await 10 "the loss to be noticed" is state .healthy 0
await $limit "a replacement" settled
get "$endpoint/" >/dev/null

say "its image is written to in place: said, and nothing is started from it; up takes it anew"
ln "$fleet"/images/*/disk "$image"
printf x | dd of="$image" bs=1 seek="$(stat -c %s "$image")" conv=notrunc status=none
kill_all qemu-system
await 20 "the reason" says "faulty.qcow2' was written to after the fleet had taken it"
rm "$image"
cp "$2/faulty.qcow2" "$image"
[[ $(vmfleet up "$image" --name state --timeout $limit) == "$endpoint" ]] || fail "another address"
get "$endpoint/" >/dev/null

say "its port is taken while no balancer runs: said, and right again when it is free"
kill -9 "$(supervisors state)"
kill_all haproxy
"$3" --occupy "$port" &
client=$!
await 20 "the reason" says "127.0.0.1:$port: the port is in use"
[[ $(processes | wc -l) -le 3 ]] || fail "processes pile up: $(processes)"
is state .settled false || fail "it is said to be settled"
kill "$client"
wait "$client" 2>/dev/null || true
client=
await 20 "an answer" get "$endpoint/" >/dev/null 2>&1

say "the machine is started anew: up brings the fleet back, and counts no failure"
kill -9 "$(supervisors state)"
kill_all haproxy
kill_all qemu-system
rm -r "$XDG_RUNTIME_DIR/vmfleet"
jq '.boot_id = "of another boot"' "$fleet/state.json" >"$work/state.json"
cp "$work/state.json" "$fleet/state.json"
before=$(ls "$fleet/instances")
[[ $(vmfleet up "$image" --name state --timeout $limit) == "$endpoint" ]] || fail "another address"
get "$endpoint/" >/dev/null
vmfleet events state >"$work/events"
grep -q 'rebooted .*1 instances ended with the machine' "$work/events" || fail "events: $(cat "$work/events")"
[[ $(ls "$fleet/instances") == state-* && $(ls "$fleet/instances") != *"$before"* ]] ||
  fail "instances: $(ls "$fleet/instances")"

say "a state from a newer version: nothing is touched, and nothing is removed"
pid=$(pids state)
cp "$fleet/state.json" "$work/state.json"
kill -9 "$(supervisors state)"
jq .version=99 "$work/state.json" >"$fleet/state.json"
start=$SECONDS
for command in "status state" "scale state 2" "down state" "up $image --name state"; do
  # shellcheck disable=SC2086
  expect 2 "version 99, this program reads version 1" vmfleet $command
  grep -q 'use a newer VMImage' "$work/err" || fail "it does not say what to do: $(cat "$work/err")"
done
((SECONDS - start < 20)) || fail "that took $((SECONDS - start)) s"
kill -0 "$pid" || fail "the instance was ended"

say "a state that is cut off: said at once; other fleets are listed; down removes what is left"
head -c 300 "$work/state.json" >"$fleet/state.json"
vmfleet up "$image" --name other --count 0
for command in "status state" "scale state 2" "up $image --name state"; do
  # shellcheck disable=SC2086
  expect 1 "the state of 'state': .*state.json: line" vmfleet $command
  grep -q "'vmfleet down state'" "$work/err" || fail "it does not say what to do: $(cat "$work/err")"
done
vmfleet list >"$work/out" 2>"$work/err"
grep -q '^other ' "$work/out" || fail "list: $(cat "$work/out" "$work/err")"
grep -q "the state of 'state'" "$work/err" || fail "list does not tell of it: $(cat "$work/err")"
kill -0 "$pid" || fail "the instance was ended"
vmfleet down state
vmfleet down other
nothing_left
