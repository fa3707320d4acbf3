vm_image(vm JAR orders.jar COMMAND java -jar orders.jar)
