vm_image(vm)
