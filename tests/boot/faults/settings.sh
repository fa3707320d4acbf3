#!/usr/bin/env bash
# Settings reach the service and override the image's.
. "$(dirname "$0")/../harness.sh"

use_image hello-minimal
run 1 boot "$image" --check --timeout 20 --env PORT=9090 --env "GREETING=a, b='c'" --serial-log "$work/serial.log"
grep -q 'hello: listening on port 9090' "$work/serial.log"
says err 'connection closed without an answer|no answer within'
