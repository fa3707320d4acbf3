vm_image(vm TARGET orders)
vm_fleet(orders IMAGE vm COUNT 101)
