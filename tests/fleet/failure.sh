#!/usr/bin/env bash
# What does not come up: said in time with the service's own words, and taken back; Ctrl-C at several moments.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

say "a service that exits at once"
expect 1 'service: crashing because of CRASH=now' vmfleet up "$image" --name bad --count 1 --env CRASH=now --timeout 20
grep -q '0 of 1 instances healthy' "$work/err" || fail "it does not say how many: $(cat "$work/err")"
nothing_left

say "a service that answers 500"
expect 1 'HTTP 500' vmfleet up "$image" --name bad --count 1 --env HEALTH=500 --timeout 20
nothing_left

say "Ctrl-C soon, and while it boots"
for after in 0.2 2; do
  # In a background job of a script SIGINT is ignored, unless it is set back.
  env --default-signal=INT "$program" up "$image" --name bad --count 2 --timeout $limit >"$work/out" 2>"$work/err" &
  up=$!
  sleep $after
  kill -INT $up
  status=0
  wait $up || status=$?
  [[ $status == 130 ]] || fail "exit status $status: $(cat "$work/err")"
  nothing_left
done

say "an update that fails, or is interrupted, leaves the fleet as it was"
endpoint=$(vmfleet up "$image" --name good --count 1 --env GREETING=one --timeout $limit)
before=$(pids good)
expect 1 'HTTP 503' vmfleet up "$image" --name good --env HEALTH=503 --timeout 20
await 30 "the update's instance to go" is good .settled true
[[ $(pids good) == "$before" ]] || fail "another instance runs"
[[ $(get "$endpoint/env/GREETING") == one ]] || fail "it has other settings"

say "a port that is in use is refused, and nothing changes"
port=${endpoint##*:}
expect 1 "$port.*in use" vmfleet up "$image" --name other --port "$port" --timeout $limit
[[ $(vmfleet list --json | jq -r '.[].name') == good ]] || fail "there is more than before"

say "two fleets at once; a supervisor that is killed in the middle of removing one"
[[ $(vmfleet up "$image" --name second --timeout $limit) != "$endpoint" ]] || fail "two fleets have one address"
expect 2 'there are 2 fleets: good, second' vmfleet status
vmfleet down second &
down=$!
sleep 0.3
for pid in $(supervisors second); do kill -9 "$pid"; done
wait $down || fail "down did not go on"
[[ $(pids good) == "$before" ]] || fail "the other fleet was touched"
vmfleet down
nothing_left
