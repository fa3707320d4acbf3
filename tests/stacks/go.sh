#!/usr/bin/env bash
# A service in Go on the small base: examples/go. And one that is linked dynamically: its libraries come along.
. "$(dirname "$0")/common.sh"
needs go gcc curl jq
export GOCACHE=$work/go-cache GOFLAGS=-mod=mod GOPROXY=off

use_project examples/go
configure
rebuild
jq -e '.base == "minimal" and (.files | map(.path) | map(test("/libc[.]so")) | any | not)' "$build/rates-vm.json" >"$work/jq.log"
boots

# With cgo, which the standard library uses for the network: another program by the same rule.
export CGO_ENABLED=1
echo '// changed' >>"$project/main.go"
rebuild
jq -e '.files | map(.path) | map(test("/libc[.]so")) | any' "$build/rates-vm.json" >"$work/jq.log"
boots
