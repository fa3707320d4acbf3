# shellcheck shell=bash disable=SC2034
# Sourced by the tests of this folder: <test>.sh <vmfleet> <folder with service.qcow2>
# Each test has a state of its own; it ends what it started by pid, and keeps its folder when it fails.
set -euo pipefail

program=$1
image=$2/service.qcow2

for tool in qemu-system-x86_64 qemu-img haproxy curl jq; do
  command -v "$tool" >/dev/null || [[ -x /usr/sbin/$tool ]] || { echo "skipped: $tool is missing"; exit 77; }
done

work=$(mktemp -d /tmp/fleet-test.XXXXXX)
export XDG_STATE_HOME=$work/state XDG_RUNTIME_DIR=$work/run
mkdir "$XDG_RUNTIME_DIR"
limit=150 # seconds until a fleet has to be healthy; generous, for busy machines

say() { printf -- '-- %4d s: %s\n' "$SECONDS" "$*"; } # what comes, and when

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

vmfleet() { "$program" "$@"; }

# The pids of this test's processes in the background: what it starts has its state folder in the environment.
processes() {
  local file pid
  for file in /proc/[0-9]*/environ; do
    pid=${file#/proc/}
    pid=${pid%/environ}
    tr '\0' '\n' 2>/dev/null <"$file" | grep -qxF "XDG_STATE_HOME=$work/state" || continue
    grep -qsE 'qemu-system|haproxy|supervise' <(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") && echo "$pid"
  done 2>/dev/null
  return 0
}

# The pids of the virtual machines that are instances; others may run to be made snapshots of.
machines() {
  local pid
  for pid in $(processes); do
    if grep -qs '^qemu-system' "/proc/$pid/comm" && ! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q '^guest=.*-0$'; then
      echo "$pid"
    fi
  done
}

supervisors() {
  local pid
  for pid in $(processes); do
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qE " supervise (--replace )?$1 "; then echo "$pid"; fi
  done
}

finish() {
  local status=$? pid
  trap - EXIT
  [[ -z ${client-} ]] || kill "$client" 2>/dev/null || true
  if ((status != 0 && status != 77)); then
    find "$XDG_STATE_HOME" -name '*.log' -o -name events.jsonl 2>/dev/null | while read -r file; do
      printf '\n== %s\n' "$file"
      tail -n 15 "$file"
    done
  fi
  for pid in $(processes); do kill -9 "$pid" 2>/dev/null || true; done
  if ((status == 0 || status == 77)); then rm -rf "$work"; else echo "its folder is kept: $work" >&2; fi
  exit "$status"
}
trap finish EXIT

# nothing_left: no process, and no file of any fleet.
nothing_left() {
  local left files
  left=$(processes)
  [[ -z $left ]] || fail "processes are left: $(for pid in $left; do tr '\0' ' ' <"/proc/$pid/cmdline"; echo; done)"
  files=$(find "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR" -mindepth 2 2>/dev/null || true)
  [[ -z $files ]] || fail "files are left: $files"
}

# await <seconds> <what> <command...>: until the command succeeds.
await() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < until)) || fail "in vain waited for: $what"
    sleep 0.2
  done
}

status() { vmfleet status "$1" --json | jq -r "$2"; }
pids() { status "$1" '.instances[].pid' | sort; }
is() { [[ $(status "$1" "$2") == "$3" ]]; }
get() { curl --silent --show-error --fail --max-time 20 "$1"; }

# The instances that answer at an address, asked often enough to see each.
answering() {
  for _ in $(seq 12); do get "$1/"; done | sort -u
}

# Expects a command to fail: expect <exit status> <pattern of standard error> <command...>
expect() {
  local wanted=$1 pattern=$2 status=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" || status=$?
  [[ $status == "$wanted" ]] || fail "'$*' ended with $status, not $wanted: $(cat "$work/err")"
  grep -qE -- "$pattern" "$work/err" || fail "'$*' does not say '$pattern' but: $(cat "$work/err")"
}

# A client that asks all the time; every request that fails is a line in $work/failed.
start_client() {
  : >"$work/failed"
  : >"$work/answered"
  while true; do
    if get "$1/" >>"$work/answered" 2>"$work/curl"; then :; else cat "$work/curl" >>"$work/failed"; fi
    sleep 0.05
  done &
  client=$!
}

stop_client() {
  kill "$client"
  wait "$client" 2>/dev/null || true
  client=
  [[ -s $work/answered ]] || fail "the client got no answer at all"
  [[ ! -s $work/failed ]] || fail "requests failed: $(sort "$work/failed" | uniq -c)"
}
