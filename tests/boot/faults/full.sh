#!/usr/bin/env bash
# The disk full at every stage of a build: it says so, leaves nothing, and with more room the bytes are right.
# full.sh <recipe>: one that works, whose base is in the cache.
. "$(dirname "$0")/../harness.sh"

# The tests' disks are file systems in memory, which only this script sees.
if [ -z "${FULL_INSIDE:-}" ]; then
  trap - EXIT
  rm -rf "$work"
  unshare --mount true 2>/dev/null || { echo "mounting is not allowed here"; exit 77; }
  FULL_INSIDE=yes exec unshare --mount bash "$0" "$@"
fi

recipe=$1
kept=${VMIMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmimage}
disk=$work/disk
mkdir "$disk"
sed 's|"version": 1|"version": 1, "formats": ["qcow2", "raw"]|' "$recipe" >"$work/recipe.json"
run 0 build "$work/recipe.json" -o "$work/right" --stem image
right=$(cat "$work"/right/* | sha256sum)
export VMIMAGE_CACHE=$disk/cache

# Output, cache and temporary files share the disk; what was downloaded is elsewhere.
fresh_disk() {
  mount -t tmpfs -o "size=$1k" tmpfs "$disk"
  mkdir "$disk/cache" "$disk/out" "$disk/tmp"
  local kind
  for kind in index kit package pins; do
    [ ! -d "$kept/$kind" ] || ln -s "$kept/$kind" "$disk/cache"
  done
  export TMPDIR=$disk/tmp
}

expect_right() {
  [ "$(cat "$disk"/out/* | sha256sum)" = "$right" ] || fail "$1: other bytes"
  [ "$(ls -A "$disk/out")" = $'image.json\nimage.qcow2\nimage.raw' ] || fail "$1: there are $(ls -A "$disk/out")"
}

# How much the whole of it takes: the most that is ever there at one time.
fresh_disk 2000000
peak=0
start build "$work/recipe.json" -o "$disk/out" --stem image
while kill -0 "$pid" 2>/dev/null; do
  used=$(df --output=used "$disk" | tail -1)
  [ "$used" -le "$peak" ] || peak=$used
  sleep 0.01
done
expect_end 0
expect_right "a disk with room"
umount "$disk"

failures=0
for part in 1 3 10 20 30 40 50 60 70 80 90 95; do
  fresh_disk $((peak * part / 100))
  status=0
  "$VMIMAGE" build "$work/recipe.json" -o "$disk/out" --stem image >"$work/out" 2>"$work/err" </dev/null || status=$?
  case $status in
    0) ;; # the peak is of all that was there for a moment; a little less may do
    1)
      failures=$((failures + 1))
      says err '^vmimage: .*([Nn]o space left|disk full)'
      [ -z "$(ls -A "$disk/out")" ] || fail "$part %: files are left: $(ls -A "$disk/out")"
      [ ! -d "$disk/cache/tmp" ] || [ -z "$(ls -A "$disk/cache/tmp")" ] || fail "$part %: the cache has leftovers"
      [ -z "$(ls -A "$disk/tmp")" ] || fail "$part %: temporary files are left"
      ;;
    *) fail "$part %: it ended with $status" ;;
  esac
  mount -o remount,size=2000000k "$disk"
  run 0 build "$work/recipe.json" -o "$disk/out" --stem image
  expect_right "$part %, with room again"
  umount "$disk"
done
[ "$failures" -ge 8 ] || fail "only $failures of the disks were full"
export TMPDIR=$work/tmp
