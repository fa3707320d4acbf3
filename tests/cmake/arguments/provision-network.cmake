vm_image(vm TARGET orders PROVISION_NETWORK)
