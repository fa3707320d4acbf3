#!/usr/bin/env bash
# Instances that are resumed from a snapshot: each is one of its own, none gets another's settings, and nothing of a
# snapshot is left or is used where it does not fit. warm.sh <vmfleet> <folder> <image>
# shellcheck source-path=SCRIPTDIR disable=SC2317
source "$(dirname "$0")/lib.sh"
image=$2/$3

starts() { status "$1" '.instances[].start' | sort | uniq -c | sed 's/^ *//'; }
addresses() { status "$1" '.instances[].address'; }
warm_ones() { status warm '[.instances[] | select(.start == "warm")] | length'; }
snapshot() { find "$XDG_STATE_HOME/vmfleet/warm/snapshots" -mindepth 1 -maxdepth 1 ! -name '*.part'; }
has_snapshot() { [[ -n $(snapshot 2>/dev/null) ]]; }

say "the first boots, the others are resumed"
endpoint=$(vmfleet up "$image" --name warm --count 3 --env COLOR=blue --timeout $limit)
[[ $(warm_ones) == 2 ]] || fail "they started so: $(starts warm)"
[[ $(status warm '[.instances[] | select(.start == "cold: the first of its kind")] | length') == 1 ]] ||
  fail "they started so: $(starts warm)"
[[ $(answering "$endpoint" | wc -l) == 3 ]] || fail "not all answer"

say "each has an identity of its own"
# Lines: host name, machine-id, address of the network card, time, random bytes.
different() { # <line> <what>
  local count
  count=$(for address in $(addresses warm); do get "http://$address/identity" | sed -n "$1p"; done | sort -u | wc -l)
  [[ $count == "$(addresses warm | wc -l)" ]] || fail "some have the same $2"
}
different 1 "host name"
different 2 "machine-id"
different 3 "address of the network card"
for _ in 1 2 3; do different 5 "random bytes"; done
for id in $(status warm '.instances[].id'); do
  address=$(status warm ".instances[] | select(.id == \"$id\") | .address")
  [[ $(get "http://$address/identity" | head -n 1) == "$id" ]] || fail "$id is called otherwise"
done
sleep 5 # the clock of a resumed one is not that of the snapshot
for address in $(addresses warm); do
  before=$(date +%s)
  time=$(get "http://$address/identity" | sed -n 4p)
  ((time >= before - 2 && time <= $(date +%s) + 2)) || fail "the clock at $address says $time, not $before"
done

say "they share memory that they have not changed"
for pid in $(status warm '.instances[] | select(.start == "warm") | .pid'); do
  grep -q "/memory$" "/proc/$pid/maps" || fail "$pid does not have the snapshot's memory"
done
[[ $(find "$(snapshot)" -type f -perm /222 | wc -l) == 0 ]] || fail "a snapshot can be written"

say "a replacement is resumed as well"
victim=$(status warm '[.instances[] | select(.start == "warm")][0].id')
kill -9 "$(status warm ".instances[] | select(.id == \"$victim\") | .pid")"
gone() { ! status warm '.instances[].id' | grep -qx "$1" && is warm '.healthy' 3; }
await 60 "the replacement" gone "$victim"
[[ $(warm_ones) == 2 ]] || fail "they started so: $(starts warm)"

say "a pool: what stands by is the next one, with an identity of its own once more"
in_pool() { is warm '.warm_pool' "$1"; }
vmfleet up "$image" --name warm --count 3 --env COLOR=blue --warm-pool 2 --timeout $limit >/dev/null
await 60 "two that stand by" in_pool 2
[[ $(status warm '.instances | length') == 3 ]] || fail "they are shown as instances"
sleep 3 # while they are stopped, so is their clock
vmfleet scale warm 5 --timeout $limit
[[ $(status warm '[.instances[] | select(.start == "warm, from the pool")] | length') == 2 ]] ||
  fail "they started so: $(starts warm)"
different 1 "host name"
different 2 "machine-id"
different 3 "address of the network card"
different 5 "random bytes"
address=$(status warm '.instances[-1].address')
before=$(date +%s)
time=$(get "http://$address/identity" | sed -n 4p)
((time >= before - 2 && time <= $(date +%s) + 2)) || fail "the clock at $address says $time, not $before"
await 60 "others to stand by" in_pool 2

say "what stands by goes with its supervisor; the next one has its own"
standing() { for pid in $(processes); do tr '\0' '\n' <"/proc/$pid/cmdline" | grep -xE 'guest=warm-[0-9]+' || true; done |
  grep -vxFf <(status warm '.instances[].id' | sed 's/^/guest=/') | grep -cvx 'guest=warm-0' || true; }
[[ $(standing) == 2 ]] || fail "$(standing) stand by"
for pid in $(supervisors warm); do kill -9 "$pid"; done
await 60 "others to stand by" in_pool 2
[[ $(standing) == 2 ]] || fail "$(standing) stand by"
await 30 "all" is warm '.healthy' 5
vmfleet scale warm 3 --timeout $limit
vmfleet up "$image" --name warm --warm-pool 0 --timeout $limit >/dev/null
await 30 "none to stand by" in_pool 0
[[ $(standing) == 0 ]] || fail "$(standing) stand by"

end() {
  say "down leaves nothing"
  vmfleet down warm
  nothing_left
  exit 0
}
# What follows is the same for all bases.
[[ $3 == service.qcow2 ]] || end

say "other settings, another snapshot: none gets those of another"
vmfleet up "$image" --name warm --count 3 --env COLOR=green --timeout $limit >/dev/null
for address in $(addresses warm); do
  [[ $(get "http://$address/env/COLOR") == green ]] || fail "one has another's setting"
done
[[ $(warm_ones) -ge 1 ]] || fail "they started so: $(starts warm)"

say "a damaged snapshot is dropped, and the instance boots"
await 120 "a snapshot" has_snapshot
damaged=$(snapshot)
for folder in $damaged; do chmod u+w "$folder/devices" && echo damaged >"$folder/devices"; done
vmfleet scale warm 4 --timeout $limit
[[ $(status warm '.instances[-1].start') == "cold: failed to resume "* ]] ||
  fail "they started so: $(starts warm)"
! has_snapshot || [[ $(snapshot) != "$damaged" ]] || fail "it is still there"

say "--cold: all of them boot"
vmfleet up "$image" --name warm --cold --count 2 --env COLOR=red --timeout $limit >/dev/null
[[ $(starts warm) == "2 cold: as asked for" ]] || fail "they started so: $(starts warm)"

say "a snapshot that was being made goes with its supervisor"
vmfleet up "$image" --name warm --warm --count 1 --env COLOR=grey --timeout $limit >/dev/null
vmfleet scale warm 2 --timeout $limit &
scaling=$!
donor() { compgen -G "$XDG_STATE_HOME/vmfleet/warm/instances/warm-0/pid" >/dev/null; }
await 60 "the machine that a snapshot is made of" donor
for pid in $(supervisors warm); do kill -9 "$pid"; done
vmfleet status warm >/dev/null
wait $scaling || true
end
