vm_image(vm TARGET orders PORTS 53/udp HEALTH tcp://:53)
