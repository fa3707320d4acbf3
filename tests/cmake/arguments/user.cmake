vm_image(vm TARGET orders USER "Order Taker")
