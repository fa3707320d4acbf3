#!/usr/bin/env bash
# instances.sh <image> <firmware> <fact>...: two instances, on a disk that is larger than the image: each is a machine
# of its own (these facts differ), and its root is as large as its disk.
. "$(dirname "$0")/harness.sh"

use_image "$1"
firmware=$2
shift 2
small=$("$VMIMAGE" inspect "$image" --json | jq .disk)
qemu-img create -q -f qcow2 -F qcow2 -b "$image" "$work/large.qcow2" $((small + (1 << 30)))
run 0 boot "$work/large.qcow2" --check --count 2 --firmware "$firmware" --timeout 180 --serial-log "$work/serial.log"
fact() { tr -d '\r' <"$work/serial-$2.log" | sed -n "s/.*fact $1 //p" | head -1; }
for name in "$@"; do
  [ -n "$(fact "$name" 1)" ] || fail "there is no $name"
  [ "$(fact "$name" 1)" != "$(fact "$name" 2)" ] || fail "both have the $name $(fact "$name" 1)"
done
[[ $(fact id 1) =~ ^[0-9a-f]{32}$ ]] || fail "$(fact id 1) is no machine-id"
for one in 1 2; do
  [ "$(fact size $one)" -gt $(((small + (768 << 20)) / 1024)) ] || fail "the root has $(fact size $one) KiB"
  ! grep -q '^grow:' "$work/serial-$one.log" || fail "$(grep '^grow:' "$work/serial-$one.log")"
done

# Nothing of a key is in the image, nor of a seed.
run 0 ls "$image:/etc" -R
! grep -q 'ssh_host_.*key' "$work/out" || fail "a host key is in the image"
if "$VMIMAGE" ls "$image:/var/lib/systemd/random-seed" >/dev/null 2>&1; then fail "a random seed is in the image"; fi
