#!/bin/sh
# Run in the root file system, after the package and the overlay: the port of the service, and its user.
set -eu
sed "s/@PORT@/9090/" /etc/orders/environment.in >/etc/orders/environment
rm /etc/orders/environment.in
useradd --system --home-dir /var/lib/orders --create-home orders
