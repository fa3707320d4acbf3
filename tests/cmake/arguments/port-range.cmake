vm_image(vm TARGET orders PORTS 65536)
