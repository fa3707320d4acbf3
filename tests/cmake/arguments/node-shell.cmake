file(WRITE "${CMAKE_BINARY_DIR}/gateway/package.json" "{\"scripts\": {\"start\": \"tsc && node server.js\"}}")
vm_image(vm NODE "${CMAKE_BINARY_DIR}/gateway")
