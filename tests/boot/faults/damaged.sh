#!/usr/bin/env bash
# One flipped bit in whatever the cache keeps: it is noticed, made again, and the image has the right bytes.
# damaged.sh <recipe>: one on minimal that works, whose base is in the cache; its image lies here.
. "$(dirname "$0")/../harness.sh"

recipe=$1
kept=${VMIMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmimage}
name=$(basename "$recipe" .recipe.json)
right=$(sha256sum <"$name.qcow2")
export VMIMAGE_CACHE=$work/cache

# Only what this image needs, and not links: the tests' cache is not to be damaged.
build() {
  run 0 build "$recipe" -o "$work/out-folder" --stem image --quiet
  [ "$(sha256sum <"$work/out-folder/image.qcow2")" = "$right" ] || fail "$1: other bytes"
}
mkdir -p "$work/cache" "$work/out-folder"
for kind in index package pins; do [ ! -d "$kept/$kind" ] || cp -a "$kept/$kind" "$work/cache"; done
build "first"

# flip <file>: the lowest bit of the byte in its middle.
flip() {
  local at byte
  at=$(($(stat -c %s "$1") / 2))
  byte=$(od -An -tu1 -j "$at" -N 1 "$1")
  # shellcheck disable=SC2059  # the format is the byte
  printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# mended <what> <file>...: builds with one bit of each of these flipped, and says so only once.
mended() {
  local what=$1 file
  shift
  for file; do flip "$file"; done
  build "$what"
  says err "^vmimage: the cache is damaged and mended: $what"
  build "$what, once more"
  [ ! -s "$work/err" ] || fail "$what: it was not mended"
}

mended disk "$work"/cache/disk/*/disk.qcow2
mended disk "$work"/cache/disk/*/.checksums
mended kit "$work"/cache/kit/*/kit.json
[ ! -d "$work/cache/pins" ] || mended pins "$work"/cache/pins/*/pins.json

# What a disk is made of is looked at when one is made.
rm -rf "$work/cache/disk"
mended kit "$work"/cache/kit/*/uki.efi

# A package that was kept is had again when its bytes are not those of its SHA-256.
if [ -d "$work/cache/package" ]; then
  rm -rf "$work/cache/disk" "$work/cache/kit"
  for file in "$work"/cache/package/*/*; do [ ! -f "$file" ] || flip "$file"; done
  build "packages"
fi
