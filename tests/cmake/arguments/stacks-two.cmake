vm_image(vm JAR orders.jar NODE gateway)
