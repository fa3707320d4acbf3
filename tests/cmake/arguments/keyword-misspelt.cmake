vm_image(vm TARGET orders PORT 8080)
