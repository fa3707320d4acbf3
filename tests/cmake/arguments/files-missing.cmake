vm_image(vm TARGET orders FILES settings.conf /etc/settings.conf)
