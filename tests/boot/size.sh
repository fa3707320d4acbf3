#!/usr/bin/env bash
# size.sh <image> <bytes>: the image's root file system holds less than that (what df(1) would call used).
. "$(dirname "$0")/harness.sh"

use_image "$1"
run 0 convert "$image" --to raw -o "$work/disk.raw"
offset=$(sfdisk --dump "$work/disk.raw" | sed -n 's/.*start= *\([0-9]*\),.*name="root".*/\1/p')
field() { dumpe2fs -h "$work/disk.raw?offset=$((offset * 512))" 2>/dev/null | sed -n "s/^$1: *//p"; }
used=$((($(field 'Block count') - $(field 'Free blocks') - $(field 'Overhead clusters')) * $(field 'Block size')))
echo "root file system: $used bytes used"
if [ "$used" -le 0 ] || [ "$used" -ge "$2" ]; then
  fail "the root file system holds $used bytes, not less than $2"
fi
