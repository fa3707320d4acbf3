#!/bin/sh
curl --fail --silent --show-error --max-time 20 "http://$VM_ADDRESS:$VM_PORT_9090/"
