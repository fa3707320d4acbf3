#!/usr/bin/env bash
# ova.sh <image> <bus> <network card>: the machine that the image's OVA asks for has this hardware, and the disk in the
# OVA boots on it.
. "$(dirname "$0")/harness.sh"

use_image "$1"
run 0 convert "$image" --to ova -o "$work/machine.ova"
tar -C "$work" -xf "$work/machine.ova"
ovf=$(cat "$work"/*.ovf)
kind() {  # <type in the OVF>=<word of vmimage boot>...
  local pair
  for pair; do
    if [[ $ovf == *">${pair%=*}<"* ]]; then echo "${pair#*=}"; fi
  done
}
bus=$(kind VirtualSCSI=pvscsi AHCI=ahci lsilogic=other PIIX4=ide)
card=$(kind VmxNet3=vmxnet3 E1000=e1000 PCNet32=other)
firmware=bios
if [[ $ovf == *'key="firmware"'*'value="efi"'* ]]; then firmware=uefi; fi
[ "$bus $card" = "$2 $3" ] || fail "the machine has $bus and $card, not $2 and $3"
run 0 boot "$work"/*.vmdk --check --firmware $firmware --bus "$bus" --network "$card" --timeout 150
says err 'healthy after'
