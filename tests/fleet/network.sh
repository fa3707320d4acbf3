#!/usr/bin/env bash
# What instances reach of the machine that they run on.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

say "a service on this machine's loopback network: here, a fleet of its own"
host=$(vmfleet up "$image" --name host --timeout $limit)
port=${host##*:}
get "$host/" >/dev/null

say "another fleet's instance does not reach it, under any of its addresses"
guest=$(vmfleet up "$image" --name guest --timeout $limit)
for address in 10.0.2.2 127.0.0.1; do
  answer=$(get "$guest/reach?host=$address&port=$port")
  [[ $answer != connected ]] || fail "it reaches $address:$port"
done
[[ $(get "$guest/reach?host=10.0.2.2&port=$port") == "Connection refused" ]] ||
  fail "it is not refused: $(get "$guest/reach?host=10.0.2.2&port=$port")"

say "only the ports that the image names lead into it"
pid=$(status guest '.instances[0].pid')
[[ $(ss -Hltnp | grep -c "pid=$pid,") == 2 && $(ss -Hlunp | grep -c "pid=$pid,") == 0 ]] ||
  fail "QEMU listens on: $(ss -Hltunp | grep "pid=$pid,")"
if ss -Hltnp | grep "pid=$pid," | grep -v '127\.0\.0\.1:'; then fail "QEMU listens beyond loopback"; fi

say "when it is asked for, it does"
vmfleet up "$image" --name guest --host-loopback --timeout $limit >/dev/null
[[ $(get "$guest/reach?host=10.0.2.2&port=$port") == connected ]] ||
  fail "it does not reach 10.0.2.2:$port: $(get "$guest/reach?host=10.0.2.2&port=$port")"

say "down leaves nothing"
vmfleet down guest
vmfleet down host
nothing_left
