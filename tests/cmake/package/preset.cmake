# Package presets. Their "generators" cpack checks against its own list before it reads a project, so they name
# VMIMAGE among their variables, or leave it to the project.
foreach(preset IN ITEMS image both default)
  use_project(service)
  run(configure "${CMAKE_COMMAND}" -S "${SOURCE}" --preset all "-DMODULE=${MODULE}" "-DVMIMAGE_EXECUTABLE=${STAND_IN}"
    -DCASE=generator)
  build(build)
  execute_process(COMMAND "${CMAKE_CPACK_COMMAND}" --preset ${preset} WORKING_DIRECTORY "${SOURCE}"
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    fail("cpack --preset ${preset}: ${output}")
  endif()
  # cpack --preset leaves packages in the folder that it is called in when the preset names none.
  file(GLOB found RELATIVE "${SOURCE}" "${SOURCE}/service-1.2.3-*")
  file(GLOB in_build RELATIVE "${BUILD}" "${BUILD}/service-1.2.3-*")
  set(expected ${IMAGE})
  if(NOT preset STREQUAL "image")
    list(APPEND expected ${ARCHIVE})
  endif()
  expect_same("cpack --preset ${preset}" "${found};${in_build}" "${expected}")
endforeach()
