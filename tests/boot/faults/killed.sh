#!/usr/bin/env bash
# SIGKILL at random moments of a build, while the base's disk is made and when it is there: the next build gives the
# right bytes, and nothing is left. The same for two builds at once, one of which is killed.
# killed.sh <recipe>: one that works, whose base is in the cache; its image lies here. VMIMAGE_TEST_SEED repeats a run.
. "$(dirname "$0")/../harness.sh"

recipe=$1
seed=${VMIMAGE_TEST_SEED:-$RANDOM}
RANDOM=$seed
echo "seed: $seed"
kept=${VMIMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmimage}
name=$(basename "$recipe" .recipe.json)
right=$(sha256sum <"$name.qcow2")
out=$work/out-folder

# A cache with what was downloaded and unpacked, as links to it.
new_cache() {
  rm -rf "$work/cache"
  mkdir -p "$work/cache"
  local kind
  for kind in index kit package pins rootfs; do
    [ ! -d "$kept/$kind" ] || ln -s "$kept/$kind" "$work/cache"
  done
  export VMIMAGE_CACHE=$work/cache
}

build() { run 0 build "$recipe" -o "$out" --stem image; }

expect_right() {
  [ "$(sha256sum <"$out/image.qcow2")" = "$right" ] || fail "seed $seed: $1: the next build gave other bytes"
  [ "$(ls -A "$out")" = $'image.json\nimage.qcow2' ] || fail "seed $seed: $1: files are left: $(ls -A "$out")"
  [ -z "$(ls -A "$work/cache/tmp")" ] || fail "seed $seed: $1: the cache has $(ls -A "$work/cache/tmp")"
}

# How long a build takes, in microseconds; the moments are spread over that.
time_build() {
  local start=${EPOCHREALTIME/./}
  build
  took=$((${EPOCHREALTIME/./} - start))
  expect_right "before any was killed"
}

# kill_one <what>
kill_one() {
  local moment=$((RANDOM * took / 32767))
  start build "$recipe" -o "$out" --stem image
  sleep "$((moment / 1000000)).$(printf %06d $((moment % 1000000)))"
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  # Its children go with it, but in their own time.
  await "the end of what it had started" no_child
  [ ! -e "$out/image.qcow2" ] || [ "$(sha256sum <"$out/image.qcow2")" = "$right" ] ||
    fail "seed $seed: $1: half an image after $moment microseconds"
}

no_child() { [ -z "$(pgrep -f "$work" -P 1 || true)" ]; }

mkdir "$out"
new_cache
time_build
for round in {1..8}; do
  new_cache
  rm -f "$out"/*
  kill_one "no disk, round $round"
  build
  expect_right "no disk, round $round"
done

# From here on the disk of the base is there, and the image too.
time_build
for round in {1..12}; do
  kill_one "with disk, round $round"
  build
  expect_right "with disk, round $round"
done

# One of two builds at once is killed: the other one is not disturbed.
for round in {1..3}; do
  new_cache
  rm -f "$out"/*
  "$VMIMAGE" build "$recipe" -o "$out" --stem image >"$work/other.out" 2>"$work/other.err" &
  other=$!
  kill_one "two at once, round $round"
  wait "$other" || fail "seed $seed: round $round: the build that was not killed failed: $(<"$work/other.err")"
  build
  expect_right "two at once, round $round"
done
