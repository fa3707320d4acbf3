#!/usr/bin/env bash
# The disk below a fleet's overlays is full: nothing new is begun, guests that write are halted, and the reason is said;
# with room again, all goes on by itself. And a fleet can be removed from a full disk.
# shellcheck source-path=SCRIPTDIR/..
if [[ -z ${FAULT_DISK-} ]]; then # in mounts of its own, which go with it
  ((EUID == 0)) || { echo "skipped: only root can mount a small disk"; exit 77; }
  FAULT_DISK=yes exec unshare --mount "$0" "$@"
fi
source "$(dirname "$0")/../lib.sh"
mkdir "$XDG_STATE_HOME"
mount -t tmpfs -o size=64m tmpfs "$XDG_STATE_HOME"

cat >"$work/full.json" <<END
{"version": 1, "name": "full", "image": "$2/faulty.qcow2", "health": {"replace_after": 120}}
END
says() { [[ $(status full .problem) == *"$1"* ]]; }
fill() { dd if=/dev/zero of="$XDG_STATE_HOME/filling" bs=64k status=none 2>/dev/null || true; }

vmfleet up "$work/full.json" --timeout $limit >/dev/null
pid=$(pids full)

say "no room: nothing new is begun, and it is said why"
fill
expect 1 'No space left on device' vmfleet scale full 2 --timeout 4
expect 1 'No space left on device' vmfleet up "$work/full.json" --env A=b
is full '.instances | length' 1 || fail "status: $(vmfleet status full)"

say "a guest that writes is halted, and goes on when there is room"
curl -s --max-time 60 "http://$(status full '.instances[0].address')/fill/24" >"$work/filled" &
filling=$!
await 30 "the reason" says "its disk cannot be written: this machine has no room left"
rm "$XDG_STATE_HOME/filling"
wait $filling || fail "what it wrote was lost"
grep -q 'enough' "$work/filled" || fail "it could not write: $(cat "$work/filled")"
await $limit "the second instance" is full '.settled and .healthy == 2' true
status full '.instances[].pid' | grep -qx "$pid" || fail "it was replaced"

say "no room, and no supervisor: the next one looks after it all the same, and down leaves nothing"
fill
kill -9 "$(supervisors full)"
[[ $(pids full | wc -l) == 2 ]] || fail "status: $(vmfleet status full)"
vmfleet down full
rm "$XDG_STATE_HOME/filling"
nothing_left
umount "$XDG_STATE_HOME"
