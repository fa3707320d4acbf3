vm_image(vm TARGET orders ENVIRONMENT L=1 L=2)
