vm_image(vm GO hello)
