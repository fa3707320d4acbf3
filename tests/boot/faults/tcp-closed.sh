#!/usr/bin/env bash
# Nobody listens on the port of a TCP check. QEMU takes the connection all the same; that must not count.
. "$(dirname "$0")/../harness.sh"

use_image tcp-closed
run 1 boot "$image" --check --timeout 25
says err 'not healthy within 25 s; its last answer to tcp://:5432: connection refused'
