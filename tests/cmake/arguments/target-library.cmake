add_library(codec INTERFACE)
vm_image(vm TARGET codec)
