vm_image(vm TARGET orders KERNEL rt)
