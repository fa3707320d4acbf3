#!/usr/bin/env bash
# The health check is answered, but not as it should be.
. "$(dirname "$0")/../harness.sh"

use_image answers-500
run 1 boot "$image" --check --timeout 25
says err 'http://:8080/healthz: HTTP 500'
says err 'faulty: answers-500'
