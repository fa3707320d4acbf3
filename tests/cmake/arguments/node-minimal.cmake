vm_image(vm NODE gateway BASE minimal)
