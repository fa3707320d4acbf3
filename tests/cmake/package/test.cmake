# cpack -G VMIMAGE: alone, beside others, however it is asked for, and with what a project may have set for CPack.

set(NAME service-1.2.3-Linux-${PROCESSOR})
set(IMAGE "${NAME}.qcow2" "${NAME}.json")
set(ARCHIVE service-1.2.3-Linux.tar.gz)

# A fresh build of the project with <case>.cmake, up to where cpack is called.
macro(prepare case)
  use_project(service)
  configure(configure "-DCASE=${case}" "-DCMAKE_INSTALL_PREFIX=${WORK}/prefix" ${ARGN})
  build(build)
  take_calls(ignored)
endmacro()

# expect_package(<when> [<file>...]): what cpack left in the build folder, exactly.
macro(expect_package when)
  file(GLOB found RELATIVE "${BUILD}" "${BUILD}/*-1.2.3-*" "${BUILD}/*.qcow2*" "${BUILD}/*.json*" "${BUILD}/*.tar.gz"
    "${BUILD}/*.sha256" "${BUILD}/*.raw" "${BUILD}/own*")
  list(REMOVE_ITEM found service-vm.json service-vm.qcow2 admin-vm.json admin-vm.qcow2 admin-vm.raw all-vm.json
    all-vm.qcow2 package-vm.json package-vm.qcow2)
  expect_same("${when}: packages" "${found}" "${ARGN}")
endmacro()

macro(cpack step)
  run("${step}" "${CMAKE_CPACK_COMMAND}" ${ARGN})
endmacro()

include("${TEST_SOURCE}/${STEP}.cmake")
