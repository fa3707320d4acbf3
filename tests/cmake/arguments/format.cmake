vm_image(vm TARGET orders FORMATS qcow2 vmdx)
