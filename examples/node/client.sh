#!/bin/sh
# Asks the service in the virtual machine, as vm_add_boot_test() runs it.
set -eu
answer=$(curl --fail --silent --show-error --max-time 60 "http://$VM_ADDRESS:$VM_PORT_3000/hello/world")
echo "$answer"
[ "$answer" = '{"greeting":"Hello, world!"}' ]
