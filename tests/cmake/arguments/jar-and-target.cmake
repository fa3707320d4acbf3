vm_image(vm TARGET service JAR orders.jar)
