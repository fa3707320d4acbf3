#!/usr/bin/env bash
# The service exits again and again: reported when time is over, with what it said.
. "$(dirname "$0")/../harness.sh"

use_image exits
run 1 boot "$image" --check --timeout 25
says err '^vmimage: failed to boot .*not healthy within 25 s'
says err '^vmimage: exits: the end of its serial log'
says err 'faulty: exits'
