#!/bin/sh
# Asks lighttpd in the virtual machine for pages, as vm_add_boot_test() runs it.
set -eu
url=http://$VM_ADDRESS:$VM_PORT_80

get() {
  curl --fail --silent --show-error --max-time 30 "$@"
}

expect() {  # <what> <text> <pattern>
  echo "$2" | grep -q "$3" || { printf '%s: no "%s" in:\n%s\n' "$1" "$3" "$2" >&2; exit 1; }
}

expect "the page" "$(get "$url/")" "served by lighttpd, built from its own sources"
expect "the program" "$(get --head "$url/")" "^Server: lighttpd/1\.4"
expect "a rewritten address" "$(get "$url/hello/world")" "Hello from a rewritten address"
status=$(get --output /dev/null --write-out '%{http_code}' "$url/no-such-page" 2>/dev/null || true)
expect "a page that is not there" "$status" "^404$"
