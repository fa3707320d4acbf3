vm_image(vm TARGET orders BASE file:absent.qcow2)
