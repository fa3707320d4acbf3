vm_image(vm TARGET ordres)
