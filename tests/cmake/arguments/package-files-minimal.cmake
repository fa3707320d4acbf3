vm_image(vm BASE minimal PACKAGE_FILES orders.deb)
