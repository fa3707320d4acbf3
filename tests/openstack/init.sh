#!/usr/bin/env bash
# The first process of a test cloud's namespaces (tests/openstack/up): its mounts and its network; then it only waits, and
# all that was started in there ends with it.
#   init.sh FOLDER
set -euo pipefail
state=$1

# The system's folders that the services insist on are the cloud's own. /sys without cgroups: libvirt leaves them alone.
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/cloud "$state"/libvirt/{etc,lib,cache,log}
mount --bind "$state" /run/cloud # short, and every user gets there
for folder in etc lib cache log; do
  case $folder in
    etc) target=/etc/libvirt ;;
    *) target=/var/$folder/libvirt ;;
  esac
  [[ $folder != etc || -e $state/libvirt/etc/libvirtd.conf ]] || cp -a /etc/libvirt/. "$state/libvirt/etc/"
  mount --bind "$state/libvirt/$folder" "$target"
done

# Guests are on a bridge that Neutron makes out of 'guests-bridge'; the tests are on its other end.
ip link set lo up
ip link add guests-bridge type veth peer name guests
ip link set guests-bridge up
ip link set guests up
ip address add 10.77.0.254/24 dev guests

touch "$state/entered"
sleep infinity &
wait
