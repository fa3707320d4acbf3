file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/service")
vm_image(vm PYTHON "${CMAKE_BINARY_DIR}/service")
