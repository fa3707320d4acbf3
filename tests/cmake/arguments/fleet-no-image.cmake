vm_fleet(orders COUNT 3)
