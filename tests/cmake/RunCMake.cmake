# Runs CMake on small projects and compares with what files say is expected, in the way of CMake's own tests
# (Tests/RunCMake). A test folder has
#   test.cmake                  the steps, calling the functions below
#   <project>/CMakeLists.txt    projects
#   <step>-result.txt           the exit status as a regex; default 0
#   <step>-stdout.txt           a regex that standard output matches; default: not looked at
#   <step>-stderr.txt           regexes, a line each, that standard error matches in this order, with its lines joined
#                               as CMake breaks them where it likes; default: it is empty, so a stray warning fails
# Called by tests/cmake/CMakeLists.txt: cmake -DTEST=<folder> -DWORK=<folder> -DMODULE=<VMImage.cmake>
# -DGENERATOR=<generator> [-DSTEP=...] -P RunCMake.cmake

cmake_minimum_required(VERSION 3.25...3.31)

set(TEST_ROOT "${CMAKE_CURRENT_LIST_DIR}")
set(TEST_SOURCE "${TEST_ROOT}/${TEST}")

# Where a build puts images, from BUILD.
set(OUT "")
set(BUILD_TYPE "-DCMAKE_BUILD_TYPE=Debug")
if(GENERATOR MATCHES "Multi-Config")
  set(OUT "Debug/")
  set(BUILD_TYPE "")
endif()

# A build is what the options of a step say, whatever the environment of whoever tests.
foreach(variable IN ITEMS CMAKE_GENERATOR CMAKE_BUILD_TYPE CMAKE_CONFIG_TYPE CMAKE_BUILD_PARALLEL_LEVEL DESTDIR
    CPACK_GENERATOR MAKEFLAGS MAKELEVEL MFLAGS CXXFLAGS CFLAGS LDFLAGS)
  unset(ENV{${variable}})
endforeach()
set(ENV{LC_ALL} C)
cmake_host_system_information(RESULT PROCESSOR QUERY OS_PLATFORM)

# fail(<text...>): ends the test; what it made stays to be looked at.
function(fail)
  message(FATAL_ERROR ${ARGV} "\nWhat the test made is in ${WORK}")
endfunction()

function(read_expected out step what default)
  set(text "${default}")
  if(EXISTS "${TEST_SOURCE}/${step}-${what}.txt")
    file(READ "${TEST_SOURCE}/${step}-${what}.txt" text)
    string(REGEX REPLACE "\n+$" "" text "${text}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

function(check_output step what expected actual)
  string(REGEX REPLACE "\n+$" "" actual "${actual}")
  if(NOT actual MATCHES "${expected}")
    string(REPLACE "\n" "\n  > " actual "\n${actual}")
    string(REPLACE "\n" "\n  > " expected "\n${expected}")
    fail("${step}: ${what} is not as expected.\nExpected to match:${expected}\nIs:${actual}\nAll output:\n${all_output}")
  endif()
endfunction()

# run(<step> <command...>): runs it in BUILD, or in SOURCE before there is one; OUTPUT is what it wrote to stdout.
function(run step)
  set(folder "${BUILD}")
  if(NOT IS_DIRECTORY "${folder}")
    set(folder "${SOURCE}")
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 command "" "" "")  # keeps a ';' within an argument
  execute_process(COMMAND ${command_UNPARSED_ARGUMENTS} WORKING_DIRECTORY "${folder}"
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
  set(all_output "${output}${error}")
  read_expected(expected "${step}" result 0)
  check_output("${step}" "the exit status" "^(${expected})$" "${result}")
  read_expected(expected "${step}" stdout "")
  check_output("${step}" "standard output" "${expected}" "${output}")
  read_expected(expected "${step}" stderr "^$")
  string(REPLACE "\n" ".*" expected "${expected}")
  string(REGEX REPLACE "[ \n]+" " " error "${error}")
  check_output("${step}" "standard error" "${expected}" "${error}")
  set(OUTPUT "${output}" PARENT_SCOPE)
  set(ERROR "${error}" PARENT_SCOPE)
endfunction()

# A fresh copy of a project of the test folder, as SOURCE, with an empty build folder, BUILD, whose paths have a space.
macro(use_project project)
  set(SOURCE "${WORK}/my ${project}")
  set(BUILD "${WORK}/my build of ${project}")
  file(REMOVE_RECURSE "${SOURCE}" "${BUILD}")
  file(COPY "${TEST_SOURCE}/${project}/" DESTINATION "${SOURCE}")
  set(LOG "${WORK}/calls.log")
  set(ENV{VMIMAGE_STAND_IN_LOG} "${LOG}")
  file(REMOVE "${LOG}")
  set(STAND_IN "${WORK}/stand-in vmimage")
  configure_file("${TEST_ROOT}/stand-in.sh" "${STAND_IN}" COPYONLY)
endmacro()

# configure(<step> [<option>...]): with the stand-in program; MODULE is what a project includes.
macro(configure step)
  run("${step}" "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BUILD}" -G "${GENERATOR}" ${BUILD_TYPE}
    "-DMODULE=${MODULE}" "-DVMIMAGE_EXECUTABLE=${STAND_IN}" --no-warn-unused-cli ${ARGN})
endmacro()

macro(build step)
  run("${step}" "${CMAKE_COMMAND}" --build . ${ARGN})
endmacro()

# How often the stand-in was called since this was last asked.
function(take_calls out)
  set(lines "")
  if(EXISTS "${LOG}")
    file(STRINGS "${LOG}" lines)
    file(REMOVE "${LOG}")
  endif()
  set(${out} "${lines}" PARENT_SCOPE)
endfunction()

# expect_calls(<when> [<regex>...]): the calls of vmimage since the last time match these, one each, in order.
function(expect_calls when)
  take_calls(calls)
  list(LENGTH calls count)
  list(LENGTH ARGN expected_count)
  if(NOT count EQUAL expected_count)
    list(JOIN calls "\n  " calls)
    fail("${when}: vmimage was called ${count} times, not ${expected_count}:\n  ${calls}")
  endif()
  foreach(call expected IN ZIP_LISTS calls ARGN)
    if(NOT call MATCHES "${expected}")
      fail("${when}: vmimage was called with\n  ${call}\nwhich does not match\n  ${expected}")
    endif()
  endforeach()
endfunction()

# expect_contents(<when> <image> [<path>...]): what the stand-in put into the image <image>.qcow2 of BUILD, exactly.
function(expect_contents when image)
  file(STRINGS "${BUILD}/${OUT}${image}.qcow2" found)
  expect_same("${when}: ${image}.qcow2 holds" "${found}" "${ARGN}")
endfunction()

# expect_recipe(<image> <expected> <member> [<index>...]): a value of the recipe that the image was built from.
function(expect_recipe image expected)
  file(READ "${BUILD}/${OUT}${image}.json" recipe)
  string(JSON found ERROR_VARIABLE error GET "${recipe}" ${ARGN})
  if(NOT "${found}" STREQUAL "${expected}")
    fail("recipe of ${image}: ${ARGN} is '${found}' and not '${expected}'\n${recipe}")
  endif()
endfunction()

# expect_files(<when> <glob> [<name>...]): the files of BUILD that match, exactly.
function(expect_files when glob)
  file(GLOB found RELATIVE "${BUILD}" "${BUILD}/${glob}")
  expect_same("${when}: the files ${glob}" "${found}" "${ARGN}")
endfunction()

# expect_same(<what> <found> <expected>): two lists, in any order.
function(expect_same what found expected)
  list(REMOVE_ITEM found "")
  list(SORT expected)
  list(SORT found)
  if(NOT "${found}" STREQUAL "${expected}")
    list(JOIN found "\n  " found)
    list(JOIN expected "\n  " expected)
    fail("${what}:\n  ${found}\nand not\n  ${expected}")
  endif()
endfunction()

# expect_archive(<when> <archive> [<path>...]): the files in a tar archive of BUILD, below the top folder, if any.
function(expect_archive when archive)
  file(ARCHIVE_EXTRACT INPUT "${BUILD}/${archive}" DESTINATION "${WORK}/extracted")
  file(GLOB_RECURSE found RELATIVE "${WORK}/extracted" "${WORK}/extracted/*")
  list(TRANSFORM found REPLACE "^[^/]*-Linux/" "")
  file(REMOVE_RECURSE "${WORK}/extracted")
  expect_same("${when}: ${archive} holds" "${found}" "${ARGN}")
endfunction()

# touch(<file>...): files of SOURCE, later than anything built from them; make compares whole seconds in places.
function(touch)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E sleep 1.1)
  foreach(file IN LISTS ARGN)
    file(TOUCH "${SOURCE}/${file}")
  endforeach()
endfunction()

function(write_later file text)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E sleep 1.1)
  file(WRITE "${file}" "${text}")
endfunction()

# Changes the text of a file, later than anything built from it.
function(edit file from to)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E sleep 1.1)
  file(READ "${file}" text)
  string(REPLACE "${from}" "${to}" changed "${text}")
  if(changed STREQUAL text)
    fail("'${from}' is not in ${file}")
  endif()
  file(WRITE "${file}" "${changed}")
endfunction()

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
include("${TEST_SOURCE}/test.cmake")
file(REMOVE_RECURSE "${WORK}")
