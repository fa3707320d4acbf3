#!/usr/bin/env bash
# Several on one host: vmfleet twice at once for the same fleet, fleets of one name of several users.
# shellcheck source-path=SCRIPTDIR/..
source "$(dirname "$0")/../lib.sh"
image=$2/faulty.qcow2

say "vmfleet many times at once makes one fleet"
ends=()
for count in 1 2 1 2; do
  vmfleet up "$image" --name same --cold --count $count --timeout $limit >>"$work/endpoints" 2>>"$work/said" &
  ends+=($!)
done
for pid in "${ends[@]}"; do wait "$pid" || fail "one did not go well: $(cat "$work/said")"; done
[[ $(sort -u "$work/endpoints" | wc -l) == 1 ]] || fail "addresses: $(cat "$work/endpoints")"
[[ $(supervisors same | wc -l) == 1 ]] || fail "supervisors: $(supervisors same)"
vmfleet scale same 2 --timeout $limit &
scale=$!
vmfleet scale same 1 --timeout $limit
wait $scale || fail "one did not go well"
vmfleet scale same 1 --timeout $limit
is same '.settled and .healthy == 1' true || fail "status: $(vmfleet status same)"
[[ $(processes | wc -l) == 3 ]] || fail "running are: $(for pid in $(processes); do tr '\0' ' ' <"/proc/$pid/cmdline"; echo; done)"

say "another state folder is another user's: neither sees the other's fleet of that name"
endpoint=$(status same .endpoint)
pid=$(pids same)
other() { XDG_STATE_HOME=$work/other "$program" "$@"; }
[[ $(other list --json) == "[]" ]] || fail "it is seen: $(other list --json)"
second=$(other up "$image" --name same --timeout $limit)
[[ $second != "$endpoint" && $(get "$second/") == same-1 ]] || fail "its address is $second"
[[ $(vmfleet list --json | jq -r 'map(.endpoint) | join(" ")') == "$endpoint" ]] || fail "list: $(vmfleet list)"
other down same
[[ $(pids same) == "$pid" ]] || fail "the first one was touched"
get "$endpoint/" >/dev/null

if ((EUID == 0)); then
  say "another user does not see it either, and cannot order it about"
  chmod 755 "$work"
  nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env "HOME=$work/nowhere" "$@"; }
  cp "$program" "$work/vmfleet"
  expect 2 'there is no fleet' nobody "$work/vmfleet" status same
  for file in "$XDG_STATE_HOME/vmfleet/same/state.json" "$XDG_RUNTIME_DIR"/vmfleet/*/control; do
    [[ -e $file ]] || fail "$file is not there"
    if nobody test -r "$file" || nobody test -w "$file"; then fail "another user gets at $file"; fi
  done
  kill -0 "$pid" || fail "the instance was ended"
fi

say "up and down at once: one of them wins, and nothing is left over"
for _ in 1 2 3; do
  vmfleet up "$image" --name both --timeout $limit >/dev/null 2>&1 &
  up=$!
  sleep 0.$((RANDOM % 9))
  vmfleet down both 2>/dev/null || true
  wait $up || true
done
vmfleet down both 2>/dev/null || true
vmfleet down same
nothing_left
[[ -z $(find "$work/other" -mindepth 2) ]] || fail "files are left: $(find "$work/other")"
