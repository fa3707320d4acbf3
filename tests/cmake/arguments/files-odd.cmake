vm_image(vm TARGET orders FILES orders)
