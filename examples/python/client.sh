#!/bin/sh
# Asks the service in the virtual machine, as vm_add_boot_test() runs it.
set -eu
reports=$(curl --fail --silent --show-error --max-time 60 "http://$VM_ADDRESS:$VM_PORT_8000/reports")
echo "$reports"
[ "$reports" = '{"orders": 3, "isolated": true}' ]
