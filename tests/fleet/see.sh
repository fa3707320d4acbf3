#!/usr/bin/env bash
# A fleet as people see it: figures under load, the live table, the dashboard, an instance that is set aside, and those
# that are gone.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

endpoint=$(vmfleet up "$image" --name see --count 2 --timeout $limit)
dashboard=$(vmfleet dashboard see)

say "requests are counted, of the fleet and of each instance"
start_client "$endpoint"
counted() { is see '.requests_per_second > 0 and ([.instances[].requests_per_second > 0] | all)' true; }
await 60 "requests of both" counted
is see '.errors_per_second == 0 and .cpu_share > 0 and ([.instances[].requests_total > 0] | all)' true ||
  fail "status: $(vmfleet status see --json)"

say "the table on a terminal is drawn in place"
TERM=xterm timeout 20 script -qec "timeout -s INT 4 '$program' status see --watch" "$work/terminal" >/dev/null </dev/null ||
  true
grep -q 'REQUESTS/S' "$work/terminal" || fail "no table: $(cat -v "$work/terminal")"
[[ $(grep -c $'\033\[H' "$work/terminal") -ge 2 ]] || fail "it was not drawn again: $(cat -v "$work/terminal")"
! grep -q $'\033\[2J' "$work/terminal" || fail "the screen is cleared between two"
grep -q $'\033\[?1049l' "$work/terminal" || fail "the terminal is not as it was before"

say "the dashboard has page, status, history and metrics, on loopback and under its own name only"
is see .dashboard "$dashboard" || fail "status has another address than $dashboard"
[[ $dashboard == http://127.0.0.1:* ]] || fail "its address is $dashboard"
[[ $(get "$dashboard/") == '<!DOCTYPE html>'* ]] || fail "no page"
[[ $(get "$dashboard/status.json" | jq -r '[.instances[].id] | join(" ")') == "see-1 see-2" ]] || fail "status.json"
get "$dashboard/history.json" | jq -e '(.time | length) > 1 and (.requests_per_second | max) > 0' >/dev/null ||
  fail "history.json: $(get "$dashboard/history.json")"
get "$dashboard/metrics" >"$work/metrics"
grep -qxF 'vmfleet_instances{fleet="see",state="healthy"} 2' "$work/metrics" || fail "metrics: $(cat "$work/metrics")"
grep -qE '^vmfleet_instance_requests_total\{fleet="see",instance="see-1"\} [1-9]' "$work/metrics" ||
  fail "metrics: $(cat "$work/metrics")"
[[ $(curl -s -o "$work/answer" -w '%{http_code}' -H 'Host: example.com' "$dashboard/status.json") == 403 ]] ||
  fail "another name is answered: $(cat "$work/answer")"
[[ $(curl -s -o "$work/answer" -w '%{http_code}' -X POST "$dashboard/status.json") == 405 ]] || fail "POST is answered"

say "its console is shown, takes what is typed, and is in its log all the same"
(
  sleep 2
  printf 'typed by hand\r'
  sleep 2
  printf '\035'
) | TERM=xterm timeout 60 script -qec "'$program' console see-1" "$work/console" >/dev/null || fail "console ended with $?"
grep -q 'service: listening' "$work/console" || fail "nothing before: $(cat -v "$work/console")"
grep -q 'typed by hand' "$work/console" || fail "it is not echoed: $(cat -v "$work/console")"
grep -q 'typed by hand' <<<"$(vmfleet logs see --instance see-1)" || fail "the log does not have it"

say "an instance is set aside, replaced and kept, with no failed request"
pid=$(status see '.instances[0].pid')
address=$(vmfleet debug see-1)
replaced() { is see '[.instances[] | .id + " " + .state] | join(", ")' "see-1 debug, see-2 healthy, see-3 healthy"; }
await $limit "another one in its place" replaced
await 10 "a settled fleet" is see .settled true
[[ $(get "http://$address/") == see-1 ]] || fail "it does not run any more"
[[ $(answering "$endpoint") == $'see-2\nsee-3' ]] || fail "others get requests: $(answering "$endpoint")"

say "also by the next supervisor, whose dashboard has the same address"
kill -9 "$(supervisors see)"
replaced || fail "status: $(vmfleet status see)"
[[ $(status see '.instances[0].pid') == "$pid" ]] || fail "it is another one"
[[ $(vmfleet dashboard) == "$dashboard" ]] || fail "another address: $(vmfleet dashboard)"
stop_client

say "it ends when it has been looked at, and is remembered with its log"
expect 2 "has no instance 'see-9'" vmfleet debug see-9
vmfleet debug see see-1 --end
await 60 "its end" is see '[.gone[].id] | join(" ")' see-1
is see '.gone[0].reason' "set aside" || fail "status: $(vmfleet status see --json)"
grep -q 'service: listening' <<<"$(vmfleet logs see --instance see-1)" || fail "its log is gone"
! grep -qx "$pid" <<<"$(processes)" || fail "it still runs"

say "what is set aside ends with its fleet"
vmfleet debug see-2 >/dev/null
vmfleet down see
nothing_left
