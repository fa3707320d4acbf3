vm_image(vm TARGET orders CPUS 0)
