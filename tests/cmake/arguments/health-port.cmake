vm_image(vm TARGET orders PORTS 8080 HEALTH http://:9090/healthz)
