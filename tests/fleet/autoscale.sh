#!/usr/bin/env bash
# Load goes up and down again, and the number of instances with it; not one request fails.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

most=3
clients=()

# A client that asks some ten times a second.
add_client() {
  while true; do
    if get "$endpoint/" >>"$work/answered" 2>"$work/curl.$BASHPID"; then :; else cat "$work/curl.$BASHPID" >>"$work/failed"; fi
    sleep 0.08
  done &
  clients+=($!)
}

remove_clients() {
  for client in "${clients[@]}"; do
    kill "$client"
    wait "$client" 2>/dev/null || true
  done
  clients=()
  client=
}

# until_desired <seconds> <count> <what>: prints the count over time until it is that, and all of them are healthy.
until_desired() {
  local until=$((SECONDS + $1)) now
  while true; do
    now=$(status load '"\(.desired) wanted, \(.healthy) healthy, \(.requests_per_second) requests/s"')
    printf '%4d s  %s\n' $((SECONDS - begin)) "$now"
    (($(status load .desired) <= most)) || fail "more than the most"
    if [[ $now == "$2 wanted, $2 healthy"* ]]; then return; fi
    ((SECONDS < until)) || fail "in vain waited for $2 instances: $3"
    sleep 2
  done
}

say "up, with one instance for at most 8 requests a second, and $most at most"
endpoint=$(vmfleet up "$image" --name load --count 1 --timeout $limit)
vmfleet autoscale load --min 1 --max $most --target requests=8 --cooldown 10
: >"$work/failed"
: >"$work/answered"
begin=$SECONDS

say "the load rises, and the count with it, to no more than the most"
for _ in 1 2 3 4; do add_client; done
until_desired 120 $most "the load is high"
[[ $(answering "$endpoint" | wc -l) == "$most" ]] || fail "not all get requests: $(answering "$endpoint")"
[[ $(vmfleet status load --json | jq '[.instances[] | select(.start == "warm")] | length') -ge 1 ]] ||
  fail "none was resumed: $(status load '.instances[].start')"
vmfleet events load | grep -q 'requests is [0-9]*, its target is 8' || fail "no event says why: $(vmfleet events load)"

say "it goes, and the count, too"
remove_clients
until_desired 180 1 "the load is gone"

say "off: the count stays, whatever the load is"
vmfleet autoscale load --off
[[ $(vmfleet autoscale load 2>&1) == *'does not change the count'* ]] || fail "it is not off"

[[ -s $work/answered ]] || fail "the clients got no answer at all"
[[ ! -s $work/failed ]] || fail "requests failed: $(sort "$work/failed" | uniq -c)"
printf '%d requests answered, 0 failed\n' "$(wc -l <"$work/answered")"
vmfleet down load
nothing_left
