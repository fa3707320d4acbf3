vm_image(vm TARGET orders COMPONENTS servce)
