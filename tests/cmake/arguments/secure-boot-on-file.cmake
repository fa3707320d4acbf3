vm_image(vm TARGET orders BASE file:base.tar SECURE_BOOT_KEY key.pem SECURE_BOOT_CERTIFICATE certificate.pem)
