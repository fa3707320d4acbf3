vm_image(vm TARGET orders)
vm_add_boot_test(IMAGE vm)
