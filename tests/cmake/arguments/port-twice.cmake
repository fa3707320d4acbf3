vm_image(vm TARGET orders PORTS 53/udp 53 53/tcp)
