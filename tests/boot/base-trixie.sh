#!/usr/bin/env bash
# Another suite than this machine's: built from its archive, booted, and trixie inside.
. "$(dirname "$0")/harness.sh"

use_image on-trixie
run 0 cat "$image" /etc/os-release
says out '^VERSION_CODENAME=trixie$'
# shellcheck disable=SC2016  # the client's variables
run 0 boot "$image" --check --timeout 200 --serial-log "$work/serial.log" -- \
  sh -c 'curl -sf --max-time 20 "http://$VM_ADDRESS:$VM_PORT_8080/healthz" | head -n 1'
says out '^#!/usr/bin/env bash$'
