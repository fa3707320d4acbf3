vm_image(vm TARGET orders VOLUME /data 1G /data 2G)
