vm_image(vm TARGET orders PROVISION setup.sh)
