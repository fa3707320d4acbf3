file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/service.deb" "a package")
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/set-up.sh" "#!/bin/sh\n")
vm_image(package-vm PACKAGE_FILES "${CMAKE_CURRENT_BINARY_DIR}/service.deb"
  PROVISION "${CMAKE_CURRENT_BINARY_DIR}/set-up.sh" OVERLAY overlay)
