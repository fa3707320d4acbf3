vm_image(vm TARGET orders PROVISION orders PROVISION_TIMEOUT 0)
