vm_image(vm TARGET orders BASE minimal VOLUME /data 1G)
