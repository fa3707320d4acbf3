vm_image(vm TARGET orders PORTS 8080 HELTH http://:8080/)
