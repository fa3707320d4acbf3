add_custom_target(tool)
vm_image(tool TARGET orders)
