#!/usr/bin/env bash
# Package files by hand, without a recipe and with one; and those that cannot be installed.
. "$(dirname "$0")/../harness.sh"

out=$work/images
# deb <name> [<control field>...]: a package with a program and a service of its name.
deb() {
  local name=$1 tree=$work/$1
  shift
  mkdir -p "$tree/DEBIAN" "$tree/usr/bin" "$tree/lib/systemd/system"
  printf '#!/bin/sh\nexec sleep infinity\n' >"$tree/usr/bin/$name"
  chmod 755 "$tree/usr/bin/$name"
  printf '[Service]\nExecStart=/usr/bin/%s\n[Install]\nWantedBy=multi-user.target\n' "$name" \
    >"$tree/lib/systemd/system/$name.service"
  {
    printf 'Package: %s\nVersion: 1.0\nMaintainer: A <a@example.org>\nDescription: demo\n' "$name"
    printf '%s\n' "${@:-Architecture: all}"
  } >"$tree/DEBIAN/control"
  [ ! -f "$work/postinst" ] || install -m 755 "$work/postinst" "$tree/DEBIAN/postinst"
  dpkg-deb -Zgzip --root-owner-group --build "$tree" "$work/$name.deb" >/dev/null
}
nothing_written() { [ ! -e "$out" ] || [ -z "$(ls -A "$out")" ] || fail "files are there: $(ls -A "$out")"; }
refused() {  # <regex> <argument>...
  local regex=$1
  shift
  run 2 build -o "$out" "$@"
  says err "$regex"
  nothing_written
}

run 2 build -o "$out"
says err '^vmimage: what to build is missing'

# Two packages, of which one needs the other, and a service that starts at boot; no recipe.
deb orders 'Architecture: all' 'Depends: orders-data (>= 1.0)'
deb orders-data
run 0 build --package "$work/orders.deb" --package "$work/orders-data.deb" -o "$out"
jq -e '.name == "orders" and .image_version == "1.0" and (.packages | map(.name) | contains(["orders", "orders-data"]))' \
  "$out/orders.json" >"$work/jq.log"
run 0 ls "$out/orders.qcow2:/etc/systemd/system/multi-user.target.wants"
says out '^orders.service$'
run 0 cat "$out/orders.qcow2" /var/lib/dpkg/status
says out '^Package: orders-data$'
rm -r "$out"

refused 'orders : Depends: orders-data .*not installable' --package "$work/orders.deb"
says err 'give it as a package file too'
deb foreign 'Architecture: arm64'
refused "foreign.deb': it is for arm64" --package "$work/foreign.deb"
deb conflicting 'Architecture: all' 'Conflicts: systemd'
refused "failed to install 'conflicting.deb' on debian:bookworm: " --package "$work/conflicting.deb"
refused "there is another file of the package 'orders-data'" --package "$work/orders-data.deb" --package "$work/orders-data.deb"
refused 'no such file' --package "$work/absent.deb"
: >"$work/empty.deb"
refused 'empty.deb' --package "$work/empty.deb"
head -c 700 "$work/orders-data.deb" >"$work/cut.deb"
refused 'cut.deb' --package "$work/cut.deb"
refused "'minimal' has no package manager" --package "$work/orders-data.deb" --base minimal
refused "unknown suite 'debian:nosuch'" --package "$work/orders-data.deb" --base debian:nosuch

# One whose own script fails: what that printed is told.
printf '#!/bin/sh\necho "no licence"\nexit 3\n' >"$work/postinst"
deb failing
run 1 build -o "$out" --package "$work/failing.deb"
says err "^vmimage: 'the installation of failing.deb' failed"
says err '^no licence$'
nothing_written
