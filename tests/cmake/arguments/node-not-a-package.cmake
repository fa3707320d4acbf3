file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/gateway")
vm_image(vm NODE "${CMAKE_BINARY_DIR}/gateway")
