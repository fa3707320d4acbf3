#!/usr/bin/env bash
# A guest that answers its checks slowly, never, or with nonsense; eats its memory, fills its disk, floods its console;
# hangs, or panics: it is replaced where it does not get well, and the others go on answering.
# shellcheck source-path=SCRIPTDIR/..
source "$(dirname "$0")/../lib.sh"
load=$3
cat >"$work/guest.json" <<END
{"version": 1, "name": "guest", "image": "$2/faulty.qcow2", "count": 3,
 "health": {"timeout": 3, "unhealthy_threshold": 4, "replace_after": 10}}
END
endpoint=$(vmfleet up "$work/guest.json" --timeout $limit)
fleet=$XDG_STATE_HOME/vmfleet/guest

of() { status guest ".instances[] | select(.id == \"$1\") | $2"; }
there() { [[ -n $(of "$1" .id) ]]; }
well() { is guest '.settled and .healthy == 3' true; }
make() { # make <instance> <path>: asks that instance itself
  curl --silent --show-error --fail --max-time 20 "http://$(of "$1" .address)/$2"
}
monitor() { echo "$XDG_RUNTIME_DIR"/vmfleet/*/"${1##*-}"/qmp; }
gone() { ! there "$1"; }
# replaced <instance> <pattern of the reason> [<another instance> <of its reason>]
replaced() {
  while (($# > 0)); do
    await 60 "$1 to go" gone "$1"
    vmfleet events guest >"$work/events"
    grep -qE "(failed|unhealthy) +$1: .*$2" "$work/events" || fail "no reason like '$2': $(grep "$1" "$work/events")"
    shift 2
  done
  await $limit "replacements" well
  a=$(status guest '.instances[1].id') b=$(status guest '.instances[2].id')
}

# Two of the three are made ill, the oldest never is.
a=guest-2 b=guest-3
start_client "$endpoint"

say "slow answers, and every other a failure: nothing happens"
make $a health/slow >/dev/null
make $b health/flap >/dev/null
sleep 6
vmfleet events guest >"$work/events"
if grep -E 'unhealthy|failed|gone' "$work/events"; then fail "it was taken for ill"; fi
make $a health/good >/dev/null

say "failures in a row: no requests, until it is well again"
make $b health/bad >/dev/null
ill() { [[ $(of "$b" .state) == unhealthy ]]; }
await 20 "it to be ill" ill
make $b health/good >/dev/null
await 20 "it to be well" well
there $b || fail "it was replaced"

say "nonsense, and no answer at all: replaced"
make $a health/nonsense >/dev/null
make $b health/never >/dev/null
replaced $a 'its answer is no HTTP' $b 'no answer within 3 s'

say "it eats its memory: its service is started again, and the machine has no more than its size"
pid=$(of "$a" .pid)
make "$a" eat >/dev/null

say "it fills its disk: said to its service, and the overlay is no larger than the disk"
[[ $(make "$b" fill) == "No space left on device" ]] || fail "it found no end"
(($(stat -c '%b * %B' "$fleet/instances/$b/disk.qcow2") < 140 << 20)) || fail "the overlay grew further"

eaten() { grep -aq 'Out of memory' "$fleet/logs/$a.log"; }
await 60 "its kernel to run out of memory" eaten
kb=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
((kb < (128 + 256) * 1024)) || fail "QEMU takes $kb kB for 128 MiB"
again() { [[ $(grep -ac 'faulty: listening' "$fleet/logs/$a.log") == 2 ]] && make "$a" "" >/dev/null 2>&1; }
await 30 "its service to be started again" again
await $limit "the fleet to be well" well
a=$(status guest '.instances[1].id') b=$(status guest '.instances[2].id')

say "until here no request has failed; those on their way to a machine that is halted will"
stop_client

say "its machine is halted: replaced; another floods its console: its log stays within bounds, and is shown"
"$load" --qmp "$(monitor "$b")" stop
make "$a" flood >/dev/null
grown() { (($(stat -c %s "$fleet/logs/$a.log") > 20000)); }
await 20 "the flood" grown
head -c 5000000 < <(yes "a line of the flood") >>"$fleet/logs/$a.log" # as fast machines would
cut_off() { [[ -s $fleet/logs/$a.log.1 && $(stat -c %s "$fleet/logs/$a.log") -lt 4000000 ]]; }
await 20 "its log to be cut off" cut_off
make "$a" flood/stop >/dev/null
(($(stat -c %s "$fleet/logs/$a.log.1") <= 4 << 20)) || fail "its older part is too large"
vmfleet logs guest --instance "$a" >"$work/logs"
grep -q '^a line of the flood$' "$work/logs" || fail "logs begin with: $(head -n 2 "$work/logs")"
tail -n 1 "$work/logs" | grep -q '\.\.\.$' || fail "logs end with: $(tail -n 2 "$work/logs")"
replaced "$b" "QEMU says 'paused'"

say "its process is stopped: replaced; another's kernel panics: replaced at once"
kill -STOP "$(of "$a" .pid)"
make "$b" panic >/dev/null
replaced "$b" 'its kernel panicked' "$a" 'no answer'

say "down leaves nothing"
vmfleet down guest
nothing_left
