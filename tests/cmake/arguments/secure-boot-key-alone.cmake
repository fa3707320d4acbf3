vm_image(vm TARGET orders SECURE_BOOT_KEY key.pem)
