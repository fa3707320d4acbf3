vm_image(vm NODE gateway)
