# shellcheck shell=bash
# What the boot tests share. A test gives the image's name to use_image, runs vmimage with run, and says what it
# expects. In the end nothing may be left: no process, no file, and the image as it was.
# VMIMAGE in the environment is the program; the working folder has the images.
set -euo pipefail

# Short, because sockets are in there; everything that vmimage makes goes below it.
work=$(mktemp -d /tmp/vmimage-test.XXXXXX)
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
image='' digest=''

fail() {
  printf 'FAILED: %s\n' "$1" >&2
  for file in "$work"/out "$work"/err "$work"/*.log; do
    [ -s "$file" ] && printf -- '--- %s\n%s\n' "$file" "$(<"$file")" >&2
  done
  printf 'What the test made is in %s\n' "$work" >&2
  trap - EXIT
  exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

use_image() {
  image=$PWD/$1.qcow2
  digest=$(sha256sum <"$image")
}

# run <status> <argument>...: vmimage with these has to end with this status.
run() {
  local expected=$1 status=0
  shift
  "$VMIMAGE" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  [ "$status" = "$expected" ] || fail "vmimage $* ended with $status instead of $expected"
}

# start <argument>...: vmimage in the background, its process id in pid.
start() {
  "$VMIMAGE" "$@" >"$work/out" 2>"$work/err" </dev/null &
  pid=$!
}

# expect_end <status>: the one in the background has to end with this status.
expect_end() {
  local status=0
  wait "$pid" || status=$?
  [ "$status" = "$1" ] || fail "vmimage ended with $status instead of $1"
}

says() {  # <out|err> <regex>
  grep -Eq -- "$2" "$work/$1" || fail "std$1 does not say '$2'"
}

machines() {  # process ids of the machines of this test
  pgrep -f "qemu-system.*$TMPDIR" || true
}

# await <what> <command>...: until the command succeeds.
await() {
  local what=$1 i
  shift
  for ((i = 0; i < 600; ++i)); do
    if "$@"; then return; fi
    sleep 0.1
  done
  fail "$what did not come"
}

machine_runs() { [ -n "$(machines)" ]; }
no_machine() { [ -z "$(machines)" ]; }

finish() {
  [ -z "$(machines)" ] || fail "a machine is left: $(machines)"
  [ -z "$(ls -A "$TMPDIR")" ] || fail "files are left: $(ls -A "$TMPDIR")"
  [ -z "$image" ] || [ "$digest" = "$(sha256sum <"$image")" ] || fail "the image was written"
  rm -rf "$work"
}
trap 'status=$?; [ $status != 0 ] || finish' EXIT
