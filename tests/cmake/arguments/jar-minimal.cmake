vm_image(vm BASE minimal JAR orders.jar)
