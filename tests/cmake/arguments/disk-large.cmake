vm_image(vm TARGET orders DISK 99999999G)
