#!/usr/bin/env bash
# Ctrl-C and SIGTERM at several moments: 130, and nothing stays.
. "$(dirname "$0")/../harness.sh"

use_image hello-minimal
listening() { grep -q 'hello: listening' "$work/serial.log" 2>/dev/null; }
has_files() { [ -n "$(ls -A "$TMPDIR")" ]; }

interrupt() {  # <signal>
  kill -"$1" "$pid"
  expect_end 130
  says err '^vmimage: interrupted$'
  [ -z "$(machines)" ] || fail "a machine outlived its vmimage"
}

start boot "$image" --check --count 2
await 'a file' has_files
interrupt INT

start boot "$image" --check --count 2
await 'a machine' machine_runs
interrupt TERM

start boot "$image" --check --serial-log "$work/serial.log" -- sh -c "touch '$work/client'; sleep 1000"
await 'the client' test -e "$work/client"
interrupt INT

start boot "$image"
await 'a machine' machine_runs
interrupt TERM

# Killed, it cannot clean up its folder; the machine ends all the same.
start boot "$image" --check --serial-log "$work/serial.log"
await 'the service' listening
kill -KILL "$pid"
expect_end 137
await 'the end of the machine' no_machine
rm -rf "${TMPDIR:?}"/*
