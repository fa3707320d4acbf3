#!/usr/bin/env bash
# base-tar.sh <hello>: the root file system of a distribution, as an archive, becomes a disk with our kernel and boots.
. "$(dirname "$0")/harness.sh"

jq -n --arg hello "$1" --arg base "file:$PWD/stock.tar.zst" '{version: 1, name: "on-tar", base: $base,
  files: [{source: $hello, destination: "/usr/bin/hello"}], command: ["/usr/bin/hello"],
  ports: ["8080"], health: "http://:8080/healthz"}' >"$work/recipe.json"
run 0 build "$work/recipe.json" -o "$work/images"
built=$work/images/on-tar
[ "$(jq -c '[.base, .init, .boot.firmware]' "$built.json")" = \
  '["file:stock.tar.zst","systemd",["direct","bios","uefi"]]' ] || fail 'the manifest says something else'
# shellcheck disable=SC2016  # the client's variables
run 0 boot "$built.qcow2" --check --timeout 200 --serial-log "$work/serial.log" -- \
  sh -c 'curl -sf --max-time 20 "http://$VM_ADDRESS:$VM_PORT_8080/"'
says out '^hello from on-tar$'
