vm_image(vm TARGET orders SECURE_BOOT_KEY key.pem SECURE_BOOT_CERTIFICATE certificate.pem)
