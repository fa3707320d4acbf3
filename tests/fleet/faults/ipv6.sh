#!/usr/bin/env bash
# IPv6, in a network of this test's own: instances reach what this machine reaches, but not its loopback network; the
# fleet's address is on ::1 where that is asked for.
# shellcheck source-path=SCRIPTDIR/..
if [[ -z ${FAULT_NETWORK-} ]]; then
  ((EUID == 0)) || { echo "skipped: only root can make a network with addresses"; exit 77; }
  FAULT_NETWORK=yes exec unshare --net "$0" "$@"
fi
source "$(dirname "$0")/../lib.sh"
image=$2/faulty.qcow2
load=$3

ip link set lo up
get "http://[::1]:1/" 2>&1 | grep -q 'Cannot assign\|Address family' && { echo "skipped: no IPv6 here"; exit 77; }
ip tuntap add dev test mode tap
ip link set test up

say "a machine without: neither have instances"
endpoint=$(vmfleet up "$image" --name six --timeout $limit)
port=${endpoint##*:}
tr '\0' ' ' <"/proc/$(pids six)/cmdline" | grep -q 'ipv6=off' || fail "its user network has IPv6"
if get "http://[::1]:$port/" 2>/dev/null; then fail "it is on ::1, and nobody asked for it"; fi

say "the address on ::1, too, where it is asked for; no instance is started again, and no request fails"
pid=$(pids six)
start_client "$endpoint"
[[ $(vmfleet up "$image" --name six --ipv6 --timeout $limit) == "$endpoint" ]] || fail "another address"
[[ $(get "http://[::1]:$port/") == six-1 ]] || fail "it does not answer on ::1"
stop_client
[[ $(pids six) == "$pid" ]] || fail "the instance was started again"

say "a machine with IPv6: instances reach it there, but not its loopback network"
ip -6 address add fd00:1:2:3::1/64 dev test nodad
"$load" --greet fd00:1:2:3::1 7777 &
client=$!
"$load" --greet ::1 7777 &
other=$!
vmfleet restart six --timeout $limit
reaches() { [[ $(get "$endpoint/reach/fd00:1:2:3::1/7777") == hello ]]; }
await 30 "it to be reached" reaches
for address in ::1 fec0::2; do
  [[ $(get "$endpoint/reach/$address/7777") != hello ]] || fail "it reaches this machine's loopback network by $address"
done
kill "$other"

say "down leaves nothing"
vmfleet down six
nothing_left
