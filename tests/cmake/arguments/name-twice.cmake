vm_image(vm TARGET orders)
vm_image(vm TARGET orders)
