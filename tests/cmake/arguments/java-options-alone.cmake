vm_image(vm TARGET service JAVA_OPTIONS -Xss1m)
