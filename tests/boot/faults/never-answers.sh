#!/usr/bin/env bash
# The connection is taken, and nothing comes.
. "$(dirname "$0")/../harness.sh"

use_image never-answers
run 1 boot "$image" --check --timeout 25
says err 'not healthy within 25 s; its last answer to http://:8080/healthz: no answer within'
