vm_image(orders-vm TARGET orders)
vm_add_boot_test(NAME boots IMAGE order-vm)
