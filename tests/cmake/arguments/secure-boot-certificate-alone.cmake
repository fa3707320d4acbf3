vm_image(vm TARGET orders SECURE_BOOT_CERTIFICATE certificate.pem)
