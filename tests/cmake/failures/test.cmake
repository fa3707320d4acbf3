# Builds that fail or are interrupted: what is said, and what is left.

macro(prepare case)
  use_project(service)
  configure(configure "-DCASE=${case}")
endmacro()

# expect_failure(<when> <regex> <command...>): it fails, and what it says, on whichever stream, matches.
function(expect_failure when regex)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${BUILD}"
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " text "${output}")
  if(result EQUAL 0 OR NOT text MATCHES "${regex}")
    fail("${when}: ended with ${result}, and does not say\n  ${regex}\nbut\n${output}")
  endif()
endfunction()

macro(build_fails when regex)
  expect_failure("${when}" "${regex}" "${CMAKE_COMMAND}" --build .)
endmacro()

# What only the build can know: said with the place of the vm_image().
prepare(not-installed)
build_fails("no install rule" "CMakeLists.txt:[0-9]+: vm_image.service-vm.: no install.. rule for .service. .*add install.TARGETS")
expect_calls("no install rule for the target")
prepare(component)
build_fails("component" "CMakeLists.txt:[0-9]+: vm_image.service-vm.: COMPONENTS lacks what .*service. is installed in .* COMPONENTS ... daemon")
expect_calls("components without the target's")
prepare(file)
file(REMOVE "${SOURCE}/conf")
build_fails("file" "my service/conf")
expect_calls("a file is gone")

# vmimage fails: so does the build, with its message, until it succeeds.
prepare(plain)
set(ENV{VMIMAGE_STAND_IN_FAILS} service-vm)
build_fails("vmimage" "vmimage: failed to build image .service-vm.: the stand-in was told to")
build_fails("vmimage" "vmimage: failed to build image .service-vm.: the stand-in was told to")
unset(ENV{VMIMAGE_STAND_IN_FAILS})
expect_calls("twice" "^build " "^build ")
expect_files("failed" "service-vm.*")
build(build)
expect_contents("built in the end" service-vm /usr/bin/service)

# Interrupted: no image under the final name, and the next build makes it whole.
foreach(signal IN ITEMS INT TERM)
  prepare(plain)
  build(build --target service)
  set(ENV{CMAKE} "${CMAKE_COMMAND}")
  set(ENV{VMIMAGE_STAND_IN_HANGS} "${WORK}/process")
  file(REMOVE "${WORK}/process")
  execute_process(COMMAND "${TEST_SOURCE}/interrupt.sh" ${signal} "${BUILD}" RESULT_VARIABLE result
    OUTPUT_VARIABLE output ERROR_VARIABLE output)
  unset(ENV{VMIMAGE_STAND_IN_HANGS})
  if(NOT result EQUAL 0)
    fail("interrupted by ${signal}: ${result}\n${output}")
  endif()
  expect_files("interrupted by ${signal}" "service-vm.qcow2")
  build(build)
  expect_contents("after ${signal}" service-vm /usr/bin/service)
  build(build)
  expect_calls("interrupted, built, nothing to do" "^build " "^build ")
endforeach()

# A boot test without its image, and one that fails.
prepare(plain)
expect_failure("no image" "Not Run.*service-vm.qcow2|service-vm.qcow2.*Not Run" "${CMAKE_CTEST_COMMAND}" --output-on-failure)
build(build)
run(ctest "${CMAKE_CTEST_COMMAND}" --output-on-failure)
set(ENV{VMIMAGE_STAND_IN_FAILS} service-vm)
expect_failure("boot test" "vmimage: failed to boot .*service-vm.qcow2" "${CMAKE_CTEST_COMMAND}" --output-on-failure)
