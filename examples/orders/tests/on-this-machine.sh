#!/usr/bin/env bash
# Runs the service on this machine, without an image: on-this-machine.sh <orders program>
# Its answers, that orders outlive it, that it ends by SIGTERM with status 0, and that bad settings are refused.
set -euo pipefail

orders=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
service=
# Where a failed run is looked into.
trap 'status=$?; [[ -z $service ]] || kill -KILL "$service" 2>/dev/null || true
      if [[ $status -eq 0 ]]; then rm -rf "$folder"; else echo "kept: $folder" >&2; fi' EXIT

fail() {
  echo "on-this-machine: $*" >&2
  exit 1
}

# Ports are not reserved, so a few are tried: start <NAME=value>...
start() {
  for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    env STATE_DIRECTORY="$folder" PORT=$port "$@" "$orders" >"$folder/log" 2>&1 &
    service=$!
    for _ in $(seq 100); do
      grep -q listening "$folder/log" && return 0
      kill -0 "$service" 2>/dev/null || break
      sleep 0.1
    done
  done
  fail "the service does not start: $(cat "$folder/log")"
}

stop() {
  kill -TERM "$service"
  wait "$service" || fail "the service ended with status $?: $(cat "$folder/log")"
  service=
}

refuses() {  # <NAME=value>: status 2, and the name in the message
  local status=0
  env STATE_DIRECTORY="$folder" "$1" "$orders" >"$folder/refused" 2>&1 || status=$?
  [[ $status -eq 2 ]] || fail "with $1 the service ended with status $status, not 2"
  grep -q "${1%%=*}" "$folder/refused" || fail "with $1 the service said: $(cat "$folder/refused")"
}

start ORDERS_CURRENCY=CHF
VM_ADDRESS=127.0.0.1 VM_PORT_8080=$port ORDERS_EXPECTED_CURRENCY=CHF "$here/client.sh"
first=$(curl --silent --fail "http://127.0.0.1:$port/orders/1")
stop

start ORDERS_CURRENCY=EUR
again=$(curl --silent --fail "http://127.0.0.1:$port/orders/1")
[[ $first == "$again" ]] || fail "order 1 was '$first' before the restart and is '$again' after it"
[[ $(stat -c %a "$folder/signing-key") == 600 ]] || fail "others may read the signing key"
stop

refuses PORT=99999
refuses PORT=http
refuses ORDERS_CURRENCY=euro
refuses ORDERS_MAX_ITEMS=0
refuses ORDERS_SIGNING_KEY=short
