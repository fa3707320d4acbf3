vm_image(vm TARGET orders BASE minimal PACKAGES nginx)
