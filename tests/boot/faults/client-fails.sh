#!/usr/bin/env bash
# The client's failure is the test's, and what it said is shown; so is a client that hangs.
. "$(dirname "$0")/../harness.sh"

use_image hello-minimal
run 1 boot "$image" --check --serial-log "$work/serial.log" -- sh -c 'echo seen; echo wrong >&2; exit 3'
says out '^seen$'
says err '^wrong$'
says err '^vmimage: failed to boot .*the client failed with exit status 3: sh -c'
grep -q 'hello: listening' "$work/serial.log"
run 1 boot "$image" --check --timeout 25 -- sleep 1000
says err 'the client did not finish within 25 s: sleep 1000'
