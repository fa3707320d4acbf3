vm_image(vm TARGET orders ENVIRONMENT LEVEL)
