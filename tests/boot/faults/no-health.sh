#!/usr/bin/env bash
# Without a health check it is enough that the machine comes up so far that its power button works.
. "$(dirname "$0")/../harness.sh"

use_image no-health
run 0 boot "$image" --check --timeout 100 --serial-log "$work/serial.log"
[ ! -s "$work/out" ] || fail "there is output"
