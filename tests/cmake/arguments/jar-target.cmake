add_custom_target(orders)
vm_image(vm JAR orders)
