#!/usr/bin/env bash
# Another image by each strategy, at full load, with no failed request; ways back, by itself and when asked.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

next=${image%.qcow2}-next.qcow2
crash=${image%.qcow2}-crash.qcow2
errors=${image%.qcow2}-errors.qcow2
# shellcheck source=../load.sh
source "$(dirname "$0")/../load.sh"

# all_greet <greeting>: all of the two answer, and with the settings of that image.
all_greet() {
  [[ $(answering "$endpoint" | wc -l) == 2 ]] || fail "not both answer: $(answering "$endpoint")"
  for _ in 1 2 3 4; do
    [[ $(get "$endpoint/env/GREETING") == "$1" ]] || fail "the image that answers is another one"
  done
}

happened() { vmfleet events deploy --json | jq -r 'select(.event == "'"$1"'") | .text' | tail -n 1; }

endpoint=$(vmfleet up "$image" --name deploy --count 2 --timeout $limit)

say "rolling"
load
vmfleet deploy deploy "$next" --timeout $limit
unload_whole
all_greet 'from service-next'
[[ $(happened rollout) == "done" ]] || fail "events: $(vmfleet events deploy)"

say "an image that fails is gone back from, with the reason and the service's own words"
before=$(pids deploy)
load
expect 1 'no further new instance became healthy within 20 s' vmfleet deploy "$crash" --limit 20 --timeout $limit
unload_whole
grep -q 'service: crashing because of CRASH=now' "$work/err" || fail "it does not say why: $(cat "$work/err")"
[[ $(happened rollback) == *'crashing because of CRASH=now'* ]] || fail "events: $(vmfleet events deploy)"
[[ $(pids deploy) == "$before" ]] || fail "the instances are others"
all_greet 'from service-next'

say "rollback, to the image before the last that was good"
load
[[ $(vmfleet rollback deploy --timeout $limit) == "$image" ]] || fail "it is another image"
unload_whole
all_greet 'from service'

say "blue-green; undone at once while the old ones are kept"
before=$(pids deploy)
load
vmfleet deploy "$next" --strategy blue-green --timeout $limit
all_greet 'from service-next'
[[ $(status deploy '.instances | length') == 4 ]] || fail "the old ones are gone: $(vmfleet status deploy)"
vmfleet rollback --timeout $limit
unload_whole
all_greet 'from service'
await 60 "the new ones to go" is deploy '.instances | length' 2
[[ $(pids deploy) == "$before" ]] || fail "it did not go back to those that were kept"

say "canary"
load
vmfleet deploy "$next" --strategy canary --bake 3 --timeout $limit
unload_whole
all_greet 'from service-next'
[[ $(status deploy .rollout.strategy) == canary ]] || fail "status: $(vmfleet status deploy --json)"

say "a canary that answers errors is gone back from"
before=$(pids deploy)
load
expect 1 'answers of the canary were errors' vmfleet deploy "$errors" --strategy canary --bake 60 --timeout $limit
unload
grep -q 'Non-2xx' "$work/wrk" || fail "the canary got no requests"
[[ $(pids deploy) == "$before" ]] || fail "the instances are others"
all_greet 'from service-next'

say "all at once"
vmfleet deploy "$image" --strategy all-at-once --timeout $limit
all_greet 'from service'

vmfleet down deploy
nothing_left
