#!/usr/bin/env bash
# Several instances of one image at once: of one vmimage, and of two.
. "$(dirname "$0")/../harness.sh"

use_image hello-minimal
# shellcheck disable=SC2016  # the client's variables
start boot "$image" --check --timeout 150 --serial-log "$work/other.log"
# shellcheck disable=SC2016
"$VMIMAGE" boot "${image%.qcow2}.json" --check --count 2 --serial-log "$work/serial.log" -- \
  sh -c 'curl -sf --max-time 20 "http://$VM_ADDRESS:$VM_PORT_8080/"' >"$work/names" 2>"$work/second.log" </dev/null
expect_end 0
[ "$(sort "$work/names")" = "$(printf 'hello from hello-minimal-%d\n' 1 2)" ] || fail "not both answered"
for log in serial-1 serial-2 other; do
  grep -q 'hello: listening' "$work/$log.log"
done
