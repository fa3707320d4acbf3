#!/usr/bin/env bash
# Asks a running order service everything it can answer. Where it is: VM_ADDRESS and VM_PORT_8080.
# ORDERS_EXPECTED_CURRENCY is what it was started with (default EUR, as in the image).
set -euo pipefail

url="http://${VM_ADDRESS:?}:${VM_PORT_8080:?}"
currency=${ORDERS_EXPECTED_CURRENCY:-EUR}

fail() {
  echo "client: $*" >&2
  exit 1
}

# ask <expected status> <path> [<curl arguments>...]: leaves the body in $body.
ask() {
  local expected=$1 path=$2 answer status
  shift 2
  answer=$(curl --silent --show-error --max-time 30 --write-out '\n%{http_code}' "$@" "$url$path")
  status=${answer##*$'\n'}
  body=${answer%$'\n'*}
  [[ $status == "$expected" ]] || fail "$path answered $status, not $expected: $body"
}

expect() { [[ $body == *"$1"* ]] || fail "expected '$1' in: $body"; }

ask 200 /healthz
expect ok

order='{"customer":"Ada","items":[{"article":"tea","quantity":2,"price":450},{"article":"cup","quantity":1,"price":1200}]}'
ask 201 /orders --data "$order"
expect '"total":2100'
expect "\"currency\":\"$currency\""
receipt=$body
id=$(sed -n 's/.*"id":\([0-9]*\).*/\1/p' <<<"$receipt")
[[ -n $id ]] || fail "the receipt has no number: $receipt"

ask 200 "/orders/$id"
[[ $body == "$receipt" ]] || fail "order $id came back changed: $body"
ask 200 /orders
expect "\"id\":$id,"

ask 200 /receipts/check --data "$receipt"
expect '"valid":true'
ask 200 /receipts/check --data "${receipt/450/449}"
expect '"valid":false'

# What is no order is refused, with the reason.
refused() {
  ask 400 /orders --data "$1"
  expect "$2"
}
refused '{"customer":"Ada"' 'not valid JSON'
refused '[]' 'must be an object'
refused '{"customer":"Ada"}' "'items' must be a list"
refused '{"customer":"Ada","items":[]}' "'items' must be a list"
refused '{"customer":"","items":[{"article":"tea","quantity":1,"price":1}]}' "'customer' must have"
refused '{"customer":"Ada","items":[{"article":"tea","quantity":0,"price":1}]}' "'quantity' must be"
refused '{"customer":"Ada","items":[{"article":"tea","quantity":1.5,"price":1}]}' "'quantity' must be"
refused '{"customer":"Ada","items":[{"article":"tea","quantity":1,"price":18446744073709551615}]}' "'price' must be"
refused '{"customer":"Ada","items":[{"article":"tea","quantity":1,"price":1}],"discount":1}' "unknown key 'discount'"
ask 400 /receipts/check --data '{}'
ask 404 /orders/999999999
ask 404 /nowhere
echo "client: all answers from $url are right"
