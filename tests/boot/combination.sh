#!/usr/bin/env bash
# combination.sh <image> <firmware> <bus> [<network card>]: boots, is asked, powers off.
. "$(dirname "$0")/harness.sh"

use_image "$1"
# shellcheck disable=SC2016  # the client's variables
run 0 boot "$image" --check --firmware "$2" --bus "$3" --network "${4:-virtio}" --timeout 150 --serial-log "$work/serial.log" -- \
  sh -c 'curl -sf --max-time 20 "http://$VM_ADDRESS:$VM_PORT_8080/"'
says out "^hello from $1\$"
says err 'healthy after'
grep -q 'hello: listening' "$work/serial.log"
