#!/usr/bin/env bash
# The machine is gone before its service was healthy: noticed at once, not when time is over.
. "$(dirname "$0")/../harness.sh"

use_image powers-off
run 1 boot "$image" --check --timeout 300
says err 'ended before its service was healthy: it powered itself off'
