add_custom_target(tool)
vm_image(vm TARGET tool)
