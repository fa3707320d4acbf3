vm_image(vm TARGET orders PORTS 8080 HEALTH localhost:8080)
