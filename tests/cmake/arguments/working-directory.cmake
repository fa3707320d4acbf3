vm_image(vm TARGET orders WORKING_DIRECTORY orders)
