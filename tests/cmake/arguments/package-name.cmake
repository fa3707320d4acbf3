vm_image(vm TARGET orders PACKAGES "no such")
