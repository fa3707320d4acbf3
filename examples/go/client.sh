#!/bin/sh
# Asks the service in the virtual machine, as vm_add_boot_test() runs it.
set -eu
rates=$(curl --fail --silent --show-error --max-time 60 "http://$VM_ADDRESS:$VM_PORT_8080/rates")
echo "$rates"
[ "$rates" = '{"EUR":1,"JPY":169.5,"USD":1.08}' ]
