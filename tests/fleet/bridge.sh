#!/usr/bin/env bash
# Instances on a bridge, with addresses that its network gives them; in namespaces of this test's own.
# bridge.sh <vmfleet> <folder with service.qcow2 and service-debian.qcow2>
if [[ -z ${IN_NAMESPACE-} ]]; then
  if ((EUID != 0)) || ! unshare --net --mount true; then
    echo "skipped: no root that may make namespaces"
    exit 77
  fi
  IN_NAMESPACE=yes exec unshare --net --mount "$0" "$@"
fi
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
for tool in dnsmasq ip; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is missing"; exit 77; }
done

ip link set lo up
ip link add br0 type bridge
ip address add 192.0.2.1/24 dev br0
ip link set br0 up
# The base "minimal" gets a network as small as its address, as in some clouds.
dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --port=0 --no-ping --interface=br0 --bind-interfaces \
  --dhcp-vendorclass=set:udhcp,udhcp --dhcp-option=tag:udhcp,option:netmask,255.255.255.255 \
  --dhcp-range=192.0.2.100,192.0.2.199,1h --dhcp-leasefile="$work/leases" --log-dhcp --log-facility="$work/dnsmasq.log" &
client=$! # ended with the test
# What QEMU's helper allows is in /etc/qemu/bridge.conf: here, in an /etc of our own.
cp -a /etc "$work/etc"
rm -rf "$work/etc/qemu"
mount --bind "$work/etc" /etc

up() { vmfleet up "$image" --name service --timeout $limit "$@"; }

say "a bridge that is not there, or not allowed"
expect 2 "there is no bridge 'br9' on this machine" up --bridge br9
expect 2 "the bridge 'br0' cannot be used: .*acl file" up --bridge br0
mkdir /etc/qemu
echo "allow br1" >/etc/qemu/bridge.conf
expect 2 "'allow br0' in /etc/qemu/bridge.conf" up --bridge br0
echo "allow br0" >/etc/qemu/bridge.conf
echo "allow lo" >>/etc/qemu/bridge.conf
expect 2 "the bridge 'lo' cannot be used: " up --bridge lo
for driver in openstack aws; do expect 2 "a bridge is for the driver 'local'" up --bridge br0 --driver $driver; done
expect 2 "is on a bridge does not reach .* loopback" up --bridge br0 --host-loopback
mkdir "$work/other"
cp "$program" "$image" "${image%.qcow2}.json" "$work/other"
chmod 711 "$work"
chown nobody "$work/other"
expect 2 "chmod u.s .*qemu-bridge-helper" setpriv --reuid=nobody --regid=nogroup --clear-groups \
  env HOME="$work/other" XDG_STATE_HOME="$work/other" XDG_RUNTIME_DIR="$work/other" VMIMAGE_CACHE="$work/other/cache" \
  "$work/other/${program##*/}" up "$work/other/service.qcow2" --name other --bridge br0
nothing_left

addresses() { status "$1" '.instances[].address' | sort; }
# Both answer; the card of each is the one that the network knows at its address.
check() { # <fleet> <its address>
  local one card
  [[ $(for _ in $(seq 12); do get "$2/"; done | sort -u | wc -l) == 2 ]] || fail "not both answer at $2"
  [[ $(addresses "$1" | sort -u | grep -cE '^192\.0\.2\.1[0-9][0-9]:8080$') == 2 ]] || fail "they are at $(addresses "$1")"
  for one in $(addresses "$1"); do
    card=$(get "http://$one/identity" | sed -n 3p)
    grep -q " $card ${one%:*} " "$work/leases" || fail "$one has the card $card: $(cat "$work/leases")"
  done
}
one_is_resumed() {
  is "$1" '[.instances[].start] | sort | join(", ")' "cold: the first of its kind, warm" ||
    fail "they started so: $(status "$1" '.instances[].start')"
}

say "two instances, each with an address of the network; the second one is resumed from a snapshot"
vmfleet up "$2/service-debian.qcow2" --name debian --bridge br0 --count 2 --timeout $((3 * limit)) >"$work/debian" 2>&1 &
debian=$!
address=$(up --bridge br0 --count 2)
check service "$address"
one_is_resumed service

say "and no other network"
for pid in $(pids service); do
  if ss -Hltunp | grep "pid=$pid,"; then fail "QEMU listens"; fi
done

say "one that ends is replaced, at an address of its own"
before=$(addresses service)
kill -9 "$(pids service | head -n 1)"
new() { [[ $(addresses service | grep -vxF "$before" | grep -c :8080) == 1 ]] && is service .healthy 2; }
await $limit "a new address" new
check service "$address"
is service '.instances[-1].start' warm || fail "it started so: $(status service '.instances[-1].start')"

say "another supervisor goes on with them"
before=$(pids service)
kill -9 "$(supervisors service)"
await 30 "a supervisor that finds them healthy" is service .healthy 2
[[ $(pids service) == "$before" ]] || fail "they were started anew"
get "$address/" >/dev/null

say "with the other base, too"
wait "$debian" || fail "it did not come up: $(cat "$work/debian")"
check debian "$(tail -n 1 "$work/debian")"
one_is_resumed debian

say "down leaves nothing, on the bridge neither"
vmfleet down service &
vmfleet down debian
wait $!
nothing_left
[[ -z $(ip -o link show type tun) ]] || fail "taps are left: $(ip -o link show type tun)"
