# Services that CMake does not compile, in projects without a language: what becomes of them in the recipe, and when
# they are built again. STEP is the stack.

# expect_image(<when> <image> [<times>]): a build calls vmimage for this image so many times, 0 or 1.
macro(expect_image when image times)
  build("build" --target ${image})
  if(${times})
    expect_calls("${when}" "^build .* --stem ${image} --quiet$")
  else()
    expect_calls("${when}")
  endif()
endmacro()

# expect_failure(<when> <regex> <image>): the build fails, and what it says, on whichever stream, matches.
function(expect_failure when regex image)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build . --target ${image} WORKING_DIRECTORY "${BUILD}"
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " text "${output}")
  if(result EQUAL 0 OR NOT text MATCHES "${regex}")
    fail("${when}: ended with ${result}, and does not say\n  ${regex}\nbut\n${output}")
  endif()
endfunction()

set(missing "")
if(STEP STREQUAL "go")
  execute_process(COMMAND go version RESULT_VARIABLE missing OUTPUT_QUIET ERROR_QUIET)
elseif(STEP STREQUAL "python")
  execute_process(COMMAND /usr/bin/python3 -m pip --version RESULT_VARIABLE missing OUTPUT_QUIET ERROR_QUIET)
endif()
if(missing)
  message("SKIPPED: the tools for ${STEP} are not there")
  return()
endif()

use_project(${STEP})
file(REMOVE "${LOG}.npm")
configure(configure "-DVMIMAGE_NPM=${TEST_SOURCE}/npm.sh")
include("${TEST_SOURCE}/${STEP}.cmake")
