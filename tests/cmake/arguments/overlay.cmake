vm_image(vm TARGET orders OVERLAY rootfs)
