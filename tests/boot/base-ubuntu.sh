#!/usr/bin/env bash
# A base of Ubuntu: told where no archive of it is known, and made from one that is laid out as Ubuntu's is (other
# components, a kernel whose modules are a package of their own), though what is in it is this machine's Debian.
# shellcheck disable=SC2016  # the variables of jq
. "$(dirname "$0")/harness.sh"

for tool in apt-ftparchive dpkg-deb jq; do
  command -v "$tool" >/dev/null || { rm -rf "$work"; echo "skipped: no $tool"; exit 77; }
done
recipe=$work/recipe.json archive=$work/ubuntu
shared=${VMIMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmimage}

# make_recipe <jq filter>
make_recipe() {
  jq -n '{version: 1, name: "on-ubuntu", base: "ubuntu:noble", command: ["/usr/bin/sleep", "infinity"],
    files: [{source: "/etc/hosts", destination: "/srv/a"}]}' |
    jq --arg mirror "[trusted=yes] file:$archive" "$1" >"$recipe"
}
make_recipe .
run 2 build "$recipe" -o "$work/images"
says err "^vmimage: failed to find an archive of ubuntu:noble in this host's apt configuration"
says err '"mirror" in the recipe'

# The packages of the Debian base, out of the cache.
run 0 base lock debian:bookworm -o "$work/real.json"
mkdir -p "$archive/pool"
while read -r name version architecture sha256; do
  file=$archive/pool/${name}_${version/:/%3a}_$architecture.deb
  cp -l "$shared/package/$sha256/package.deb" "$file" 2>/dev/null ||
    cp "$shared/package/$sha256/package.deb" "$file" 2>/dev/null ||
    (cd "$archive/pool" && apt-get download -qq "$name=$version") || fail "the package $name $version is nowhere"
done < <(jq -r '.packages[][] | "\(.name) \(.version) \(.architecture) \(.sha256)"' "$work/real.json")

# pack <name> <depends> <folder>
pack() {
  mkdir -p "$3/DEBIAN"
  printf 'Package: %s\nVersion: 1\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDepends: %s\nDescription: kernel\n' \
    "$1" "$2" >"$3/DEBIAN/control"
  dpkg-deb -Znone --root-owner-group --build "$3" "$archive/pool/$1_1_amd64.deb" >/dev/null
}
kernel=$(jq -r '.packages.boot[].name | select(test("^linux-image-[0-9]"))' "$work/real.json")
version=${kernel#linux-image-}
dpkg-deb --extract "$archive"/pool/"$kernel"_*.deb "$work/image"
mkdir "$work/modules"
mv "$work/image/lib" "$work/modules"
rm "$archive"/pool/linux-image-*
pack "$kernel" "linux-modules-$version" "$work/image"
pack "linux-modules-$version" base-files "$work/modules"
pack linux-image-virtual "$kernel" "$work/virtual"

# A component each for what Ubuntu has in main and in universe.
(
  cd "$archive"
  release=dists/noble
  mkdir -p $release/{main,universe}/binary-amd64 universe
  mv pool/busybox-static_* universe
  apt-ftparchive packages pool >$release/main/binary-amd64/Packages
  apt-ftparchive packages universe >$release/universe/binary-amd64/Packages
  option=APT::FTPArchive::Release
  apt-ftparchive -o $option::Suite=noble -o $option::Codename=noble -o $option::Components='main universe' \
    -o $option::Architectures=amd64 release $release >"$work/Release"
  mv "$work/Release" $release/Release
)

# Its own cache, with what was made of these packages already.
export VMIMAGE_CACHE=$work/cache
mkdir "$VMIMAGE_CACHE"
for kind in rootfs package; do
  cp -al "$shared/$kind" "$VMIMAGE_CACHE" 2>/dev/null || cp -a "$shared/$kind" "$VMIMAGE_CACHE"
done
make_recipe '.mirror = $mirror'
run 0 build "$recipe" -o "$work/images"
jq -e --arg version "$version" '.base == "ubuntu:noble" and .init == "systemd" and .boot.kernel_version == $version
  and ([.packages[].name] | contains(["linux-modules-\($version)", "linux-image-virtual", "systemd"]))' \
  "$work/images/on-ubuntu.json" >"$work/jq.log" || fail 'the manifest says something else'
run 0 ls "$work/images/on-ubuntu.qcow2:/usr/lib/modules/$version"
says out '^modules.dep$'

# A lock has all of it, and is for this base alone.
run 0 base lock ubuntu:noble --mirror "[trusted=yes] file:$archive" -o "$work/vm.lock.json"
make_recipe '.mirror = $mirror | .lock = "vm.lock.json"'
run 0 build "$recipe" -o "$work/images"
make_recipe '.base = "debian:bookworm" | .lock = "vm.lock.json"'
run 2 build "$recipe" -o "$work/images"
says err 'the lock is for the base ubuntu:noble, not for debian:bookworm'
make_recipe '.base = "ubuntu:jammy" | .mirror = $mirror'
run 2 build "$recipe" -o "$work/images"
says err "unknown suite 'ubuntu:jammy'"
