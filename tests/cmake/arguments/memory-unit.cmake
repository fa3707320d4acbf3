vm_image(vm TARGET orders MEMORY 512)
