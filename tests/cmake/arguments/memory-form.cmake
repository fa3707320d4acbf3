vm_image(vm TARGET orders MEMORY much)
