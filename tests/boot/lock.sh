#!/usr/bin/env bash
# Locks: made, built by, moved; packages that are gone, damaged, or not in the lock; what is newer. With an archive of
# the test's own: the packages of the base, and one more in two versions. The base's packages are in the cache.
. "$(dirname "$0")/harness.sh"

for tool in apt-ftparchive dpkg-deb jq; do
  command -v "$tool" >/dev/null || { rm -rf "$work"; echo "skipped: no $tool"; exit 77; }
done

recipe=$work/recipe.json lock=$work/vm.lock.json archive=$work/archive
mirror="[trusted=yes] file:$archive"
shared=${VMIMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmimage}

# make_demo <version> <folder> <change>
make_demo() {
  local tree=$work/demo doc=$work/demo/usr/share/doc/lock-demo
  rm -rf "$tree"
  mkdir -p "$tree/DEBIAN" "$doc" "$archive/$2"
  printf 'Package: lock-demo\nVersion: %s\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: demo\n' \
    "$1" >"$tree/DEBIAN/control"
  printf 'lock-demo (%s) bookworm; urgency=low\n\n  * Non-maintainer upload.\n  * %s\n\n -- A <a@example.org>  %s\n' \
    "$1" "$3" 'Sat, 01 Jan 2022 00:00:00 +0000' | gzip -n >"$doc/changelog.Debian.gz"
  dpkg-deb -Zgzip --root-owner-group --build "$tree" "$archive/$2/lock-demo_$1_all.deb" >/dev/null
}

# publish <release> <folder>: the folder's packages are what the release has.
publish() {
  local release=dists/$1 option=APT::FTPArchive::Release
  mkdir -p "$archive/$release/main/binary-amd64"
  (
    cd "$archive"
    apt-ftparchive packages "$2" >"$release/main/binary-amd64/Packages"
    apt-ftparchive -o $option::Suite="$1" -o $option::Codename="$1" -o $option::Components=main \
      -o $option::Architectures=amd64 release "$release" >"$work/Release"
    mv "$work/Release" "$release/Release"
  )
}

# The base's packages, out of the cache.
run 0 base lock debian:bookworm -o "$work/real.json"
mkdir -p "$archive/main"
while read -r name version architecture sha256; do
  file=$shared/package/$sha256/package.deb
  if [ -f "$file" ]; then
    cp -l "$file" "$archive/main/${name}_${version/:/%3a}_$architecture.deb" 2>/dev/null ||
      cp "$file" "$archive/main/${name}_${version/:/%3a}_$architecture.deb"
  else
    (cd "$archive/main" && apt-get download -qq "$name=$version") || fail "the package $name $version is nowhere"
  fi
done < <(jq -r '.packages[][] | "\(.name) \(.version) \(.architecture) \(.sha256)"' "$work/real.json")
make_demo 1.0 main 'First'
publish bookworm main

# Its own cache, with what was made of these packages already.
export VMIMAGE_CACHE=$work/cache
mkdir "$VMIMAGE_CACHE"
for kind in kit rootfs package; do
  [ ! -d "$shared/$kind" ] || cp -al "$shared/$kind" "$VMIMAGE_CACHE" 2>/dev/null ||
    cp -a "$shared/$kind" "$VMIMAGE_CACHE"
done
forget_trees() {  # with the package of this test
  local status
  grep -l '^Package: lock-demo$' "$VMIMAGE_CACHE"/rootfs/*/status | while read -r status; do
    rm -r "$(dirname "$status")"
  done
}
built() { jq -r '.packages[] | select(.name == "lock-demo").version' "$work/images/locked.json"; }

# A lock is made, and a build uses it.
run 0 base lock debian:bookworm --packages lock-demo --mirror "$mirror" -o "$lock"
sha256=$(sha256sum <"$archive/main/lock-demo_1.0_all.deb" | cut -d' ' -f1)
jq -e --arg sha256 "$sha256" '.requested == ["lock-demo"] and .archives[0].release == "bookworm"
  and (.packages.added | map([.name, .version, .sha256, .file])
    == [["lock-demo", "1.0", $sha256, "main/lock-demo_1.0_all.deb"]])' "$lock" >"$work/jq.log"
cmp <(jq '.packages.base | map(.sha256)' "$lock") <(jq '.packages.base | map(.sha256)' "$work/real.json")
# Of several that need the lists at once, one fetches them, and nobody takes them from another.
at_once=()
for i in {1..6}; do
  VMIMAGE_CACHE=$work/fresh "$VMIMAGE" base lock debian:bookworm --packages lock-demo --mirror "$mirror" -o "$work/once.$i" \
    2>"$work/once.$i.log" &
  at_once+=($!)
done
for one in "${at_once[@]}"; do wait "$one" || fail "one of several at once has failed"; done
for i in {1..6}; do cmp "$lock" "$work/once.$i"; done
# Without a program that was linked here: its libraries' packages would have to be in the lock, too.
jq -n --arg mirror "$mirror" '{version: 1, name: "locked", command: ["/usr/bin/sleep", "infinity"],
  packages: ["lock-demo"], lock: "vm.lock.json", mirror: $mirror}' >"$recipe"
mkdir "$work/images"
build=(build "$recipe" -o "$work/images")
run 0 "${build[@]}"
[ "$(built)" = 1.0 ] || fail "the image has lock-demo $(built)"
first=$(sha256sum <"$work/images/locked.qcow2")
digest_before=$(jq -r .lock_digest "$work/images/locked.json")
[[ $digest_before == sha256:* ]] || fail "the manifest has no lock_digest"

# A security update comes and the old version goes; a build by the lock has it from the cache, and is the same.
rm "$archive/main/lock-demo_1.0_all.deb"
make_demo 1.1 security 'Close a hole (CVE-2026-0001)'
publish bookworm main
publish bookworm-security security
run 0 outdated "$work/images/locked.qcow2" --mirror "$mirror"
says out '^security  lock-demo 1\.0 -> 1\.1  Close a hole \(CVE-2026-0001\)$'
says out '^1 package is newer, 1 for security$'
run 0 outdated "$work/images/locked.json" --mirror "$mirror" --json --no-changelog
jq -e '.packages == [{"name": "lock-demo", "installed": "1.0", "available": "1.1", "security": true, "change": ""}]' \
  "$work/out" >"$work/jq.log"
forget_trees
run 0 "${build[@]}"
[ "$first" = "$(sha256sum <"$work/images/locked.qcow2")" ] || fail 'the same lock gave another image'

# The version is nowhere any more; other bytes go by its name.
forget_trees
rm -r "$VMIMAGE_CACHE/package/$sha256"
run 2 "${build[@]}"
says err "^vmimage: failed to find the package 'lock-demo' 1\.0: the mirror does not have it any more"
says err 'vmimage base update'
make_demo 1.0 main 'Something else'
run 2 "${build[@]}"
says err "^vmimage: failed to download the package 'lock-demo' 1\.0: its bytes are not those of SHA-256 $sha256"
[ "$first" = "$(sha256sum <"$work/images/locked.qcow2")" ] || fail 'a build that failed wrote the image'
rm "$archive/main/lock-demo_1.0_all.deb"

# What the lock does not fit, and what is no lock.
refused() {  # <regex> <jq filter>
  jq "$2" "$recipe" >"$work/other.json"
  run 2 build "$work/other.json" -o "$work/images"
  says err "$1"
}
refused 'the lock is for the base debian:bookworm, not for debian:trixie' '.base = "debian:trixie"'
refused "failed to read the lock '.*absent.json': no such file" '.lock = "absent.json"'
echo '{"version": 9}' >"$work/later.json"
refused 'later.json.*version' '.lock = "later.json"'

# The lock is moved, and the next build follows it, with a package file that was damaged on the way had again.
run 0 base outdated "$lock" --mirror "$mirror" --no-changelog
says out '^security  lock-demo 1\.0 -> 1\.1$'
run 0 base update "$lock" --mirror "$mirror"
says out '^security  lock-demo 1\.0 -> 1\.1$'
kept=$VMIMAGE_CACHE/package/$(jq -r '.packages.added[0].sha256' "$lock")/package.deb
[ ! -f "$kept" ] || printf x | dd of="$kept" bs=1 seek=100 conv=notrunc status=none
run 0 "${build[@]}"
[ "$(built)" = 1.1 ] || fail "after the update the image has lock-demo $(built)"
[ "$digest_before" != "$(jq -r .lock_digest "$work/images/locked.json")" ] || fail 'the lock has the same digest'
run 0 base outdated "$lock" --mirror "$mirror"
says out '^nothing newer$'
refused "the lock does not have the package 'no-such-package'" '.packages += ["no-such-package"]'
