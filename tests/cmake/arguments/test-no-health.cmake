vm_image(vm TARGET orders PORTS 8080)
vm_add_boot_test(NAME boots IMAGE vm)
