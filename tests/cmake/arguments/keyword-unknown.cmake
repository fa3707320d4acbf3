vm_image(vm TARGET orders COLOUR green)
