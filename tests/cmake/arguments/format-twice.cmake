vm_image(vm TARGET orders FORMATS raw raw)
