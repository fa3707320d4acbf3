vm_image(vm PACKAGE_FILES orders)
