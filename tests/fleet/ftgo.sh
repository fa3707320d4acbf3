#!/usr/bin/env bash
# A system of four fleets in one document: examples/ftgo. An order goes through it, one fleet is redeployed under load,
# and the order is there when the database has another instance. <vmfleet> <folder> <vmimage> <VMImage's build>
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
vmimage=$3 vmimage_build=$4
project=$work/project

for tool in javac jar pg_config cmake; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is missing"; exit 77; }
done
javac --release 17 --version >/dev/null 2>&1 || { echo "skipped: javac does not compile for Java 17"; exit 77; }

say "built as it says"
cp -r "$(dirname "$0")/../../examples/ftgo" "$project"
cmake --install "$vmimage_build/cmake" --prefix "$work/prefix" >"$work/install.log"
mkdir "$work/prefix/bin"
ln -s "$vmimage" "$work/prefix/bin/vmimage"
{
  cmake -S "$project" -B "$project/build" -G Ninja "-DCMAKE_PREFIX_PATH=$work/prefix"
  cmake --build "$project/build"
} >"$work/build.log" 2>&1 || fail "it is not built: $(tail -n 20 "$work/build.log")"
describe() { # describe <jq filter>: changes fleets.json
  jq "$1" "$project/fleets.json" >"$work/fleets.json"
  mv "$work/fleets.json" "$project/fleets.json"
}
describe '.fleets[].start = "cold"' # snapshots are made by booting once more

say "what cannot be is refused before anything starts"
expect 2 '--count is about one fleet' vmfleet up "$project" --count 2
jq '.fleets["ftgo-db"] += {network: {host_loopback: true}, environment: {X: "${ftgo-orders.address}"}}' \
  "$project/fleets.json" >"$work/circle.json"
expect 2 'ftgo-db needs ftgo-orders needs ftgo-db' vmfleet up "$work/circle.json"
[[ -z $(processes) ]] || fail "something was started"

say "up"
vmfleet up "$project" --timeout 600 >"$work/addresses"
[[ $(cut -d ' ' -f 1 "$work/addresses" | xargs) == 'ftgo-db ftgo-orders ftgo-restaurants ftgo-gateway' ]] ||
  fail "the fleets were started as: $(cat "$work/addresses")"
gateway=$(sed -n 's/^ftgo-gateway //p' "$work/addresses")
order() {
  curl --silent --show-error --fail --max-time 50 --data '{"dish": "ramen", "quantity": 2}' "$gateway/orders" >"$work/order"
}
shown() { curl --silent --show-error --fail --max-time 50 "$gateway/orders/$number"; }

say "an order goes through all four"
await 300 "an order" order # the first one loads much, on a machine that may be busy
number=$(jq .id "$work/order")
jq -e '.dish == "ramen" and .quantity == 2 and .cents == 2500' "$work/order" >"$work/out" ||
  fail "the order is: $(cat "$work/order")"
[[ $(shown) == "$(cat "$work/order")" ]] || fail "the order is shown as: $(shown)"

say "up again replaces what has changed, under load, and no request fails"
: >"$work/failed"
: >"$work/answered"
while true; do
  shown >>"$work/answered" 2>>"$work/failed" || true
  sleep 0.2 # each goes through three emulated machines, which would leave little to those that start
done &
client=$!
describe '.fleets["ftgo-orders"].environment.REVISION = "2"'
vmfleet up "$project" --timeout 600 >"$work/again"
stop_client
cmp "$work/addresses" "$work/again" || fail "addresses have changed: $(cat "$work/again")"
instances() { status "ftgo-$1" '.instances | map(.id) | join(" ")'; }
[[ "$(instances orders) $(instances db)" == 'ftgo-orders-3 ftgo-orders-4 ftgo-db-1' ]] ||
  fail "replaced was: $(instances orders) $(instances db)"

say "the order outlives the database's instance"
vmfleet restart ftgo-db --timeout 600
[[ $(instances db) == ftgo-db-2 ]] || fail "the database runs in $(instances db)"
kept() { shown >"$work/after"; }
await 120 "the order" kept
cmp "$work/after" "$work/order" || fail "the order is another one: $(cat "$work/after")"

say "down, and all of it gone"
vmfleet down "$project" --volumes
nothing_left
