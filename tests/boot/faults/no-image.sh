#!/usr/bin/env bash
# Wrong use is told before anything is started, with exit status 2.
. "$(dirname "$0")/../harness.sh"

use_image hello-minimal
run 2 boot /etc/passwd --check
says err "^vmimage: '/etc/passwd' is no disk image: it has neither a partition table nor a file system"
run 2 boot "$work/absent.qcow2"
says err 'no such file'
run 2 boot "$work"
says err 'it is a folder'
qemu-img create -q -f qcow2 "$work/empty.qcow2" 10M
run 2 boot "$work/empty.qcow2" --check
says err 'is no disk image: it has neither a partition table nor a file system'
run 2 boot "$image" --firmware coreboot
says err "'coreboot' is no known firmware"
run 2 boot "$image" --bus floppy
says err "'floppy' is no known disk bus"
run 2 boot "$image" --env 1=2
says err "'1=2' is no setting"
run 2 boot "$image" --memory 1M
says err 'memory is too little'
run 2 boot "$image" --count 2
says err 'requires --check'
run 2 boot "$image" -- true
says err 'add --check'
run 2 boot "$image" --check -- no-such-program
says err "the client 'no-such-program': program not found"
