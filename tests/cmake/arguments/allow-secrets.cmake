vm_image(vm TARGET orders ALLOW_SECRETS etc/tls.key)
