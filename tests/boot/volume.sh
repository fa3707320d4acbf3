#!/usr/bin/env bash
# A volume: made on the first start with what the image has in its folder, kept, and never made of somebody's disk.
. "$(dirname "$0")/harness.sh"

use_image volume
volume=$work/data.qcow2
label=$(jq -r '.volumes[0].label' volume.json)
boots() {  # <argument>...
  run 0 boot "$image" --check --timeout 300 --serial-log "$work/serial.log" "$@"
}

boots --volume "/srv/data=$volume"
grep -q 'start 1, with: from the image, on: ext4' "$work/serial.log" || fail 'the volume was not made'
boots --volume "/srv/data=$volume" --bus nvme
grep -q 'start 2, with: from the image, on: ext4' "$work/serial.log" || fail 'the volume was not kept'
[ "$(jq -r '.volumes[0].path' volume.json)" = /srv/data ]

# A disk of somebody else stays as it is, and the service is not started without its own.
truncate --size 256M "$work/foreign.raw"
mkfs.ext4 -q -L "${label%??}xx" "$work/foreign.raw"
qemu-img convert -O qcow2 "$work/foreign.raw" "$work/foreign.qcow2"
start boot "$image" --check --timeout 900 --serial-log "$work/serial.log" --volume "/srv/data=$work/foreign.qcow2"
said() { grep -qs "there is no disk for the volume /srv/data (label $label)" "$work/serial.log"; }
for ((i = 0; i < 3000; ++i)); do
  if said; then break; fi
  sleep 0.1
done
said || fail 'it is not said what is missing'
sleep 1
kill -INT "$pid"
expect_end 130
if grep -q 'start [0-9]' "$work/serial.log"; then fail 'the service was started'; fi
qemu-img convert -O raw "$work/foreign.qcow2" "$work/after.raw"
cmp "$work/foreign.raw" "$work/after.raw" || fail 'the disk of somebody else was written'

run 2 boot "$image" --volume /srv/other=x.qcow2
says err "the image has no volume '/srv/other'"
run 2 boot "$image" --volume /srv/data
says err 'is not of the form PATH=FILE'
