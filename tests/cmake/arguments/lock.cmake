vm_image(vm TARGET orders LOCK vm.lock.json)
