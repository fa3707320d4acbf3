#!/usr/bin/env bash
# Wrong use and bad input: one line, exit status 2, nothing started.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

spec() { printf '%s' "$1" >"$work/spec.json"; }

say "fleets that are not there"
expect 2 'there is no fleet$' vmfleet status
expect 2 "there is no fleet 'nobody'" vmfleet down nobody
expect 2 'nobody' vmfleet logs nobody
mkdir -p "$XDG_STATE_HOME/vmfleet/orders"
echo '{}' >"$XDG_STATE_HOME/vmfleet/orders/state.json"
expect 2 "did you mean 'orders'" vmfleet scale order 3
rm -r "$XDG_STATE_HOME/vmfleet/orders"

say "images that are none"
expect 2 'no such file' vmfleet up "$work/none.qcow2"
head -c 100000 /dev/urandom >"$work/noise.qcow2"
expect 2 noise vmfleet up "$work/noise.qcow2"
qemu-img create -q -f qcow2 "$work/empty.qcow2" 10M
expect 2 empty vmfleet up "$work/empty.qcow2"
expect 2 'folder' vmfleet up "$work"

say "commands"
expect 2 "unknown command 'scael'" vmfleet scael
expect 2 "did you mean 'scale'" vmfleet scael nobody 3
expect 2 "vmfleet: .*--nothing" vmfleet status --nothing

say "options"
expect 2 'count' vmfleet up "$image" --count -1
expect 2 'count' vmfleet up "$image" --count 101
expect 2 'port' vmfleet up "$image" --port 70000
expect 2 'KEY=VALUE' vmfleet up "$image" --env NOVALUE
expect 2 'environment variable' vmfleet up "$image" --env '1A=b'
expect 2 'no name for a fleet' vmfleet up "$image" --name ../x
expect 2 'known is: local' vmfleet up "$image" --driver cloud
expect 2 'invalid size' vmfleet up "$image" --memory much
expect 2 '64M' vmfleet up "$image" --memory 1M
expect 2 'no number of instances' vmfleet scale many
printf 'A=1\nB\n' >"$work/settings"
expect 2 "settings: line 2: 'B' is no setting" vmfleet up "$image" --env-file "$work/settings"
expect 2 "failed to open '$work/none'" vmfleet up "$image" --env-file "$work/none"
expect 2 'NAME=FILE' vmfleet up "$image" --secret db
expect 2 "'../db' is no name of a secret" vmfleet up "$image" --secret "../db=$work/settings"
expect 2 "secret 'db' from '$work/none': No such file" vmfleet up "$image" --secret "db=$work/none"
expect 2 "secret 'db' from '$work': it is no regular file" vmfleet up "$image" --secret "db=$work"
truncate -s 65537 "$work/large"
expect 2 "secret 'db' from '$work/large': it has more than 64 KiB" vmfleet up "$image" --secret "db=$work/large"

say "more memory than there is"
expect 2 "'service' asks for more memory than there is: 100 × 1 TiB is 100 TiB" vmfleet up "$image" --count 100 --memory 1T
grep -q -- --overcommit "$work/err" || fail "it does not say what to do: $(cat "$work/err")"
vmfleet up "$image" --name large --count 0 --memory 1T
expect 2 "'large' asks for more memory than there is: 2 × 1 TiB" vmfleet scale large 2
vmfleet down large
expect 2 '' vmfleet
expect 2 'unknown command' vmfleet nonsense

say "several fleets"
member() { # member <name> <what it refers to>
  printf '"%s": {"image": "%s", "network": {"host_loopback": true}, "environment": {"X": "%s"}}' "$1" "$image" "$2"
}
mkdir "$work/shop"
fleets() { printf '{"version": 1, "fleets": {%s, %s}}' "$1" "$2" >"$work/shop/fleets.json"; }
# shellcheck disable=SC2016
fleets "$(member a '${c.address}')" "$(member b '')"
expect 2 "/fleets/a: there is no fleet 'c' in this document" vmfleet up "$work/shop"
# shellcheck disable=SC2016
fleets "$(member a '${b.address}')" "$(member b '${a.address}')"
expect 2 'fleets wait for one another: a needs b needs a' vmfleet up "$work/shop/fleets.json"
expect 2 'fleets wait for one another' vmfleet down "$work/shop"
fleets "$(member a '')" '"b": {"image": "none.qcow2"}'
expect 2 "'$work/shop/none.qcow2'" vmfleet up "$work/shop"
fleets "$(member a '')" "$(member b '')"
expect 2 '--count is about one fleet' vmfleet up "$work/shop" --count 2
vmfleet down "$work/shop" # there is none of them
mkdir "$work/nobody"
expect 2 'there is no fleets.json' vmfleet up "$work/nobody"
(cd "$work" && expect 2 "there is no fleet 'nobody'" vmfleet down nobody)

say "specs"
spec "{\"version\": 1, \"image\": \"$image\", \"cuont\": 3}"
expect 2 "unknown key" vmfleet up "$work/spec.json"
grep -q "did you mean 'count'" "$work/err" || fail "no suggestion: $(cat "$work/err")"
spec "{\"version\": 2, \"image\": \"$image\"}"
expect 2 'version 2' vmfleet up "$work/spec.json"
spec "{\"version\": 1, \"image\": \"$image\", \"count\": "
expect 2 'spec.json: line 1' vmfleet up "$work/spec.json"
spec "{\"version\": 1, \"image\": \"$image\", \"count\": 2, \"memory\": \"500G\"}"
expect 2 '2 × 500 GiB is 1000 GiB' vmfleet up "$work/spec.json"
spec "{\"version\": 1, \"image\": \"$image\", \"secrets\": {\"db\": \"beside\"}}"
expect 2 "secret 'db' from '$work/beside'" vmfleet up "$work/spec.json"
spec '{"version": 1, "image": "absent.qcow2"}'
expect 2 'absent.qcow2' vmfleet up "$work/spec.json"

nothing_left
