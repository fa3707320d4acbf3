#!/bin/sh
# Asks the service in the virtual machine, as vm_add_boot_test() runs it.
set -eu
get() { curl --fail --silent --show-error --max-time 60 "http://$VM_ADDRESS:$VM_PORT_80$1"; }
get /
get / | grep -q 'served by nginx'
[ "$(get /version)" = 1.0.0 ]
