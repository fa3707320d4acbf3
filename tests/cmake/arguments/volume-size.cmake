vm_image(vm TARGET orders VOLUME /data 10)
