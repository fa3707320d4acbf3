vm_image(vm TARGET orders PORTS)
