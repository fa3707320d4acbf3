file(WRITE "${CMAKE_BINARY_DIR}/gateway/package.json" "{\"name\": ")
vm_image(vm NODE "${CMAKE_BINARY_DIR}/gateway")
