# What a project may have set for CPack: checksums, names, its own files, properties, components, several images.
prepare(checksum)
cpack(cpack -G VMIMAGE)
expect_package("checksum" "my service.qcow2" "my service.json" "my service.qcow2.sha256" "my service.json.sha256")
file(SHA256 "${BUILD}/my service.qcow2" digest)
file(READ "${BUILD}/my service.qcow2.sha256" text)
expect_same("checksum" "${text}" "${digest}  my service.qcow2\n")

prepare(user-files)
cpack(cpack -G "VMIMAGE")
expect_package("the user's files" from-properties-for-VMIMAGE.qcow2 from-properties-for-VMIMAGE.json)
cpack(cpack -G TGZ)
expect_package("the user's files" from-properties-for-VMIMAGE.qcow2 from-properties-for-VMIMAGE.json
  from-properties-for-TGZ.tar.gz)

prepare(install-property)
cpack(cpack -G VMIMAGE)
expect_package("set_property(INSTALL)" ${IMAGE})
file(READ "${BUILD}/CPackProperties.cmake" text)
if(NOT text MATCHES "CPACK_START_MENU_SHORTCUTS")
  fail("set_property(INSTALL) is lost:\n${text}")
endif()

set(ALL /usr/bin/service /usr/bin/admin /etc/service.conf)
prepare(several)
cpack(cpack -G VMIMAGE)
expect_calls("several images" " --stem ${NAME}-service-vm " " --stem ${NAME}-admin-vm " " --stem ${NAME}-all-vm ")
expect_package("several images" ${NAME}-service-vm.qcow2 ${NAME}-service-vm.json ${NAME}-admin-vm.qcow2
  ${NAME}-admin-vm.raw ${NAME}-admin-vm.json ${NAME}-all-vm.qcow2 ${NAME}-all-vm.json)
expect_contents("several images" ${NAME}-service-vm /usr/bin/service /etc/service.conf)
expect_contents("several images" ${NAME}-admin-vm /usr/bin/admin)
expect_contents("several images" ${NAME}-all-vm ${ALL} /usr/share/doc/service.conf)

prepare(components)
cpack(cpack -G "VMIMAGE")
expect_contents("components" ${NAME}-service-vm /usr/bin/service /etc/service.conf)
expect_contents("components that the project chose" ${NAME}-all-vm ${ALL})
run(cpack "${CMAKE_CPACK_COMMAND}" -G "VMIMAGE;TGZ")
expect_archive("components" service-1.2.3-Linux-tools.tar.gz bin/admin)

# An image of a package has none of what CPack stages; packages, scripts and overlays go by the recipe.
prepare(inputs)
cpack(cpack -G VMIMAGE)
expect_package("a package" ${IMAGE})
expect_contents("a package" ${NAME} /etc/motd)
expect_recipe(${NAME} "${BUILD}/service.deb" package_files 0)
expect_recipe(${NAME} "${BUILD}/set-up.sh" provision 0)
