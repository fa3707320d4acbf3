#!/usr/bin/env bash
# The life of a fleet: settings, scale, restart, stop, start, logs, an image that changes.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

say "settings and size reach the instance, by a spec"
cat >"$work/life.json" <<END
{"version": 1, "name": "life", "image": "$image", "count": 1, "memory": "160M",
 "environment": {"GREETING": "hello, \"you\" = me", "EMPTY": ""}}
END
endpoint=$(vmfleet up "$work/life.json" --timeout $limit)
[[ $(get "$endpoint/env/GREETING") == 'hello, "you" = me' ]] || fail "GREETING is $(get "$endpoint/env/GREETING")"
pid=$(pids life)
tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- '-m 160M' || fail "the size did not reach the machine"

say "up again changes nothing"
[[ $(vmfleet up "$work/life.json" --timeout $limit) == "$endpoint" ]] || fail "another address"
[[ $(pids life) == "$pid" ]] || fail "the instance was started again"

say "scale up and down, with no failed request"
start_client "$endpoint"
vmfleet scale 2 --timeout $limit
[[ $(answering "$endpoint") == $'life-1\nlife-2' ]] || fail "not both answer: $(answering "$endpoint")"
vmfleet scale life 1 --timeout $limit
[[ $(pids life) == "$pid" ]] || fail "the older one did not stay"

say "restart replaces it, with no failed request"
vmfleet restart life --timeout $limit
[[ $(pids life) != "$pid" ]] || fail "it is still the same"
stop_client

say "a request that is on its way is answered before the instance goes"
get "$endpoint/slow" >"$work/slow" &
slow=$!
sleep 0.5
vmfleet stop life
wait $slow || fail "it was cut off"
[[ $(cat "$work/slow") == life-* ]] || fail "it got no answer"

say "a stopped fleet has no process, and start goes on at the same address"
[[ -z $(processes) ]] || fail "there still are processes"
is life .mode stopped || fail "status: $(vmfleet status life --json)"
vmfleet start --timeout $limit
[[ $(status life .endpoint) == "$endpoint" ]] || fail "the address changed"
[[ $(get "$endpoint/env/GREETING") == hello* ]] || fail "the settings are gone"

say "logs of all instances, also of those that are gone, and of one"
vmfleet logs life >"$work/logs"
grep -q '^life-1  .*service: listening' "$work/logs" || fail "logs have nothing of life-1"
! grep -q $'\033' "$work/logs" || fail "logs have control sequences"
grep -q 'service: listening' <<<"$(vmfleet logs life --instance life-2)" || fail "logs have nothing of life-2"
timeout 3 "$program" logs life -f >"$work/followed" || [[ $? == 124 || $? == 130 ]]
grep -q 'service: listening' "$work/followed" || fail "logs -f printed nothing"
vmfleet events life --json | jq -s -e 'map(.event) | contains(["starting", "healthy", "draining", "gone"])' \
  >/dev/null || fail "events: $(vmfleet events life)"

say "down leaves nothing"
vmfleet down life
nothing_left
