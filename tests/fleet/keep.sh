#!/usr/bin/env bash
# Three instances behind one address, kept at three: an instance is killed, the supervisor is killed, both.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

say "up prints the address, and each of three instances answers there"
endpoint=$(vmfleet up "$image" --name keep --count 3 --timeout $limit)
[[ $(answering "$endpoint") == $'keep-1\nkeep-2\nkeep-3' ]] || fail "not each answers: $(answering "$endpoint")"
is keep .desired/.healthy 1 || fail "status: $(vmfleet status keep --json)"
is keep .endpoint "$endpoint" || fail "status has another address"
[[ $(status keep '[.instances[].state] | unique[]') == healthy ]] || fail "states: $(vmfleet status keep)"
[[ $(vmfleet list --json | jq -r '.[].name') == keep ]] || fail "list does not have it"

say "the other port leads there too"
second=$(status keep '.ports["9090"]')
[[ $(exec 3<>"/dev/tcp/${second/://}" && cat <&3) == "line from keep-"* ]] || fail "port 9090 does not answer"

say "a killed instance is replaced, and no request fails"
start_client "$endpoint"
kill -9 "$(status keep '.instances[0].pid')"
await $limit "a replacement" is keep '[.instances[] | select(.healthy) | .id] | join(" ")' "keep-2 keep-3 keep-4"
sleep 1
stop_client

say "a killed supervisor is followed by one that takes over what runs"
before=$(pids keep)
kill -9 "$(supervisors keep)"
get "$endpoint/" >/dev/null
is keep .healthy 3 || fail "after the take-over: $(vmfleet status keep)"
[[ $(pids keep) == "$before" ]] || fail "instances were started again"
grep -q 'took over' <<<"$(vmfleet events keep)" || fail "events do not tell of it"

say "an instance killed while no supervisor looks is replaced by the next, and no request fails"
kill -9 "$(supervisors keep)"
start_client "$endpoint"
kill -9 "$(tail -n 1 <<<"$before")"
sleep 3
await $limit "a replacement" is keep .healthy 3
stop_client
[[ $(comm -12 <(echo "$before") <(pids keep) | wc -l) == 2 ]] || fail "others were started again, too"

say "HAProxy is started again when it dies, on the same address"
for pid in $(processes); do
  if grep -q haproxy "/proc/$pid/comm"; then kill -9 "$pid"; fi
done
await 30 "an answer" get "$endpoint/" >/dev/null 2>&1

say "a supervisor that finds no sockets makes them again; the address stays"
kill -9 "$(supervisors keep)"
rm -r "$XDG_RUNTIME_DIR"/vmfleet
await 30 "all of it again" is keep .settled true
[[ $(answering "$endpoint" | wc -l) == 3 ]] || fail "not each answers: $(answering "$endpoint")"

if vmfleet events keep | grep balancer; then fail "a supervisor had trouble with its balancer"; fi

say "down leaves nothing"
vmfleet down
nothing_left
