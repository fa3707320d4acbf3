file(WRITE "${CMAKE_BINARY_DIR}/gateway/package.json" "{\"scripts\": {\"start\": \"node .\"}, \"dependencies\": {\"a\": \"1\"}}")
vm_image(vm NODE "${CMAKE_BINARY_DIR}/gateway")
