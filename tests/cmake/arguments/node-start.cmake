file(WRITE "${CMAKE_BINARY_DIR}/gateway/package.json" "{\"name\": \"gateway\"}")
vm_image(vm NODE "${CMAKE_BINARY_DIR}/gateway")
