#!/usr/bin/env bash
# A supervisor that is killed again and again while its fleet comes up: the fleet comes up, and nothing runs twice.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

say "killed at several moments"
vmfleet up "$image" --name crash --count 2 --timeout $limit >"$work/endpoint" &
up=$!
for after in 0.15 0.2 0.3 0.4 0.5 1; do
  sleep $after
  for pid in $(supervisors crash); do kill -9 "$pid"; done
done
wait $up || fail "up did not go on"
[[ $(answering "$(cat "$work/endpoint")" | wc -l) == 2 ]] || fail "not both answer"

say "two machines run, and one balancer"
balancers=0
for pid in $(processes); do
  if grep -qs haproxy "/proc/$pid/comm"; then balancers=$((balancers + 1)); fi
done
[[ $(machines | wc -l) == 2 && $balancers == 1 ]] || fail "$(machines | wc -l) machines and $balancers balancers run"

say "down leaves nothing"
vmfleet down
nothing_left
