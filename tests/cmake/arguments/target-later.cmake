vm_image(vm TARGET codec)
add_library(codec INTERFACE)
