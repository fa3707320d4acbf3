#!/usr/bin/env bash
# The same recipe gives the same bytes: in another folder, by another user, at another date, side by side, with an
# empty cache and a warm one.
# reproducible.sh <recipe on minimal> <recipe on debian>: ones whose bases are in the cache.
. "$(dirname "$0")/harness.sh"

minimal=$1 debian=$2
command -v faketime >/dev/null || { echo "faketime is not installed"; exit 77; }
chmod 711 "$work"
chmod 1777 "$TMPDIR"
kept=${VMIMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmimage}

# As itself, the program is at a place that only we may read, perhaps.
install -m 755 "$VMIMAGE" "$work/vmimage"
VMIMAGE=$work/vmimage
program=$(sed -n 's|.*"source": "\([^"]*\)".*|\1|p' "$minimal")
install -m 755 "$program" "$work/hello"
sed "s|\"source\": \"[^\"]*\"|\"source\": \"$work/hello\"|" "$minimal" >"$work/minimal.json"
sed "s|\"source\": \"[^\"]*\"|\"source\": \"$work/hello\"|" "$debian" >"$work/debian.json"
sed 's|"version": 1|"version": 1, "formats": ["qcow2", "raw"]|' "$work/minimal.json" >"$work/formats.json"

digests() { (cd "$1" && sha256sum -- *.qcow2 *.raw *.json 2>/dev/null); }

# some_entries <folder> <kind>...: a cache that has only these kinds of entries, those of the tests' cache.
some_entries() {
  local folder=$1 kind
  shift
  mkdir -p "$folder"
  for kind; do [ ! -d "$kept/$kind" ] || ln -s "$kept/$kind" "$folder"; done
}

# same <what>: the last build, in $work/made, gave the bytes of the first one.
same() {
  [ "$(digests "$work/made")" = "$(digests "$work/first")" ] || {
    diff <(digests "$work/first") <(digests "$work/made") >"$work/differences.log" || true
    fail "other bytes: $1"
  }
  rm -rf "$work/made"
}

run 0 build "$work/formats.json" -o "$work/first" --stem image
[ "$(digests "$work/first" | wc -l)" = 3 ] || fail "not all files are there"

# Another folder, date, time zone, language, umask; the disk of the base is made anew.
some_entries "$work/cache of disks" index kit package pins rootfs
(
  umask 077
  mkdir -p "$work/made/an other"
  cd "$work/made/an other"
  export TZ=Asia/Tokyo LANG=tr_TR.UTF-8 LC_ALL=C.UTF-8 FAKETIME_DONT_FAKE_MONOTONIC=1
  VMIMAGE_CACHE="$work/cache of disks" faketime -f '+400d' \
    "$VMIMAGE" build ../../formats.json -o . --stem image >"$work/out" 2>"$work/err"
) || fail "the build at another date failed"
mv "$work/made/an other"/* "$work/made"
rmdir "$work/made/an other"
same "at another date, in another folder"

# Side by side: both make the base's disk, and both write the same image.
some_entries "$work/cache of two" index kit package pins rootfs
for one in 1 2; do
  VMIMAGE_CACHE="$work/cache of two" "$VMIMAGE" build "$work/formats.json" -o "$work/made" --stem image \
    >"$work/out$one" 2>"$work/err$one" &
done
for one in 1 2; do wait -n || fail "one of two builds side by side failed: $(cat "$work"/err[12])"; done
[ -z "$(find "$work/made" -name ".*" -type f)" ] || fail "files are left: $(ls -A "$work/made")"
same "side by side"

# Nothing but the mirror, and somebody else.
if [ "$EUID" = 0 ] && command -v setpriv >/dev/null && getent passwd nobody >/dev/null; then
  install -d -o nobody "$work/nobody" "$work/made"
  HOME=$work/nobody VMIMAGE_CACHE=$work/nobody/cache \
    setpriv --reuid nobody --regid nogroup --clear-groups \
    "$VMIMAGE" build "$work/formats.json" -o "$work/made" --stem image >"$work/out" 2>"$work/err" ||
    fail "another user's build failed"
  same "by another user with an empty cache"
fi

# SOURCE_DATE_EPOCH is part of the input, and stamps what is in the image.
for folder in one two; do
  SOURCE_DATE_EPOCH=1700000000 run 0 build "$work/minimal.json" -o "$work/$folder" --stem image
done
[ "$(digests "$work/one")" = "$(digests "$work/two")" ] || fail "other bytes with SOURCE_DATE_EPOCH"
! cmp -s "$work/one/image.qcow2" "$work/first/image.qcow2" || fail "SOURCE_DATE_EPOCH changes nothing"

# Debian: with the disk of its base in the cache, and without.
rm -rf "$work/first"
run 0 build "$work/debian.json" -o "$work/first" --stem image
some_entries "$work/cache of Debian" index kit package pins rootfs
VMIMAGE_CACHE="$work/cache of Debian" FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f '-200d' \
  "$VMIMAGE" build "$work/debian.json" -o "$work/made" --stem image >"$work/out" 2>"$work/err" ||
  fail "the build on Debian at another date failed"
same "on Debian, with the disk made anew"
