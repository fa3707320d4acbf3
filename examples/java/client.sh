#!/bin/sh
# Asks the service in the virtual machine, as vm_add_boot_test() runs it.
set -eu
menu=$(curl --fail --silent --show-error --max-time 60 "http://$VM_ADDRESS:$VM_PORT_8080/menu")
echo "$menu"
echo "$menu" | grep -q '"dishes": \["ramen", "gyoza"\]'
