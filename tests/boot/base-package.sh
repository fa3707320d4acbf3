#!/usr/bin/env bash
# base-package.sh <hello>: a package goes into the disk of a distribution, by its dpkg and without booting it; the
# service that it brings answers.
. "$(dirname "$0")/harness.sh"

tree=$work/tree
install -D "$1" "$tree/usr/bin/orders"
mkdir -p "$tree/DEBIAN" "$tree/lib/systemd/system"
cat >"$tree/DEBIAN/control" <<'EOF'
Package: orders
Version: 1.4.0
Architecture: amd64
Maintainer: A <a@example.org>
Depends: libstdc++6, adduser
Description: takes orders
EOF
printf '[Service]\nExecStart=/usr/bin/orders\nDynamicUser=yes\n[Install]\nWantedBy=multi-user.target\n' \
  >"$tree/lib/systemd/system/orders.service"
printf '#!/bin/sh\nset -e\nadduser --system --quiet orders-admin\n' >"$tree/DEBIAN/postinst"
chmod 755 "$tree/DEBIAN/postinst"
dpkg-deb -Zgzip --root-owner-group --build "$tree" "$work/orders.deb" >"$work/deb.log"

run 0 build --base file:stock.vmdk --package "$work/orders.deb" -o "$work/images"
run 0 cat "$work/images/orders.qcow2" /var/lib/dpkg/info/orders.list
says out '^/usr/bin/orders$'
run 0 cat "$work/images/orders.qcow2" /etc/passwd
says out '^orders-admin:'
jq -e '.name == "orders" and .image_version == "1.4.0" and (.packages | map(.name) | contains(["orders", "dpkg"]))' \
  "$work/images/orders.json" >"$work/jq.log"

# With what is to be known of the service, it can be tested.
jq -n '{version: 1, name: "web", ports: ["8080"], health: "http://:8080/healthz"}' >"$work/recipe.json"
run 0 build "$work/recipe.json" --base file:stock.vmdk --package "$work/orders.deb" -o "$work/images"
if grep 'running' "$work/err"; then fail 'the package was installed again'; fi
run 0 boot "$work/images/web.qcow2" --check --timeout 200

# Nothing is downloaded for a disk that there is already.
sed -i 's/^Depends: .*/&, orders-data/' "$tree/DEBIAN/control"
dpkg-deb -Zgzip --root-owner-group --build "$tree" "$work/orders.deb" >"$work/deb.log"
run 2 build --base file:stock.vmdk --package "$work/orders.deb" -o "$work/none"
says err 'orders : Depends: orders-data'
says err 'give what is missing as package files too'
