#!/usr/bin/env bash
# The machine goes while a client works with it: told as what it is, not as the client's failure.
. "$(dirname "$0")/../harness.sh"

use_image hello-minimal
start boot "$image" --check -- sh -c "touch '$work/client'; while [ ! -e '$work/killed' ]; do sleep 0.1; done; exit 7"
await 'the client' test -e "$work/client"
kill -KILL "$(machines)"
await 'the end of the machine' no_machine
touch "$work/killed"
expect_end 1
says err 'the machine ended while the client ran: QEMU was ended by signal 9'
