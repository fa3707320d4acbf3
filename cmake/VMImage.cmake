# VMImage: CMake functions that turn a service target into a virtual machine image. Documented in docs/cmake.md.
#
#   vm_image(<name> TARGET <executable> | COMMAND <argv...> | JAR <file> | ... ...)     an image as a build artifact
#   vm_add_boot_test(NAME <test> IMAGE <name> ...)                    a CTest test that boots it
#   vm_fleet(<name> IMAGE <name> ...)                                 the spec of a fleet of it, and targets to run it
#
# This file holds the public functions; each of them reads as: take the arguments, check them, add the rules.
# It comes from find_package(VMImage) (VMImageConfig.cmake) or from the VMImage source tree in the same build
# (add_subdirectory, FetchContent); both tell _vm_use_program() which vmimage to call.

include_guard(GLOBAL)
cmake_policy(PUSH)
cmake_policy(VERSION 3.25...3.31)

include("${CMAKE_CURRENT_LIST_DIR}/VMImageMessages.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/VMImageArguments.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/VMImageStacks.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/VMImageRecipe.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/VMImageRules.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/VMImageFinish.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/VMImageCPackSetup.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/VMImageFleet.cmake")

set(VMIMAGE_EXECUTABLE "" CACHE FILEPATH "The vmimage program to build images with; empty: VMImage's own")
mark_as_advanced(VMIMAGE_EXECUTABLE)

# _vm_use_program(<file or generator expression> [<target>]): the program that images are built with by default,
# and the target of this build that makes it, if any.
function(_vm_use_program file)
  set_property(GLOBAL PROPERTY _VM_PROGRAM "${file}")
  set_property(GLOBAL PROPERTY _VM_PROGRAM_TARGET "${ARGV1}")
endfunction()

# The program to call, and the target to build first ("" when it is a program that is there already).
function(_vm_program out_file out_target)
  if(VMIMAGE_EXECUTABLE)
    set(${out_file} "${VMIMAGE_EXECUTABLE}" PARENT_SCOPE)
    set(${out_target} "" PARENT_SCOPE)
    return()
  endif()
  get_property(file GLOBAL PROPERTY _VM_PROGRAM)
  get_property(target GLOBAL PROPERTY _VM_PROGRAM_TARGET)
  set(${out_file} "${file}" PARENT_SCOPE)
  set(${out_target} "${target}" PARENT_SCOPE)
endfunction()

# vm_image(<name>
#   [TARGET <executable>] [COMMAND <argv...>]       the service, and how it is started when not bare
#   [JAR <file> [JAVA_OPTIONS <option...>]] [NODE <folder>] [GO <folder or program>] [PYTHON <folder>]
#                                                   or a service that CMake does not compile (VMImageStacks.cmake)
#   [PACKAGE_FILES <file.deb>...]                   packages as files, which may bring the service
#   [COMPONENTS <component...>]                     install components that go in; default: the TARGET's, else all
#   [BASE debian:<suite>|ubuntu:<suite>|minimal|file:<path>] [KERNEL cloud|generic] [PACKAGES <package...>] [LOCK <file>]
#   [FILES <source> <destination> ...] [OVERLAY <folder>]
#   [PROVISION <script...>] [PROVISION_NETWORK] [PROVISION_TIMEOUT <seconds>]
#   [ENVIRONMENT <K=V...>] [USER <name>] [WORKING_DIRECTORY <folder>] [VOLUME <folder> <size> ...] [PORTS <n[/udp]>...] [HEALTH http://:<port>/<path>|tcp://:<port>]
#   [CPUS <n>] [MEMORY <size>] [DISK <size>] [FORMATS <format...>]   with ami: VMIMAGE_AWS_REGION
#   [SECURE_BOOT_KEY <pem> SECURE_BOOT_CERTIFICATE <pem>]
#   [ALLOW_SECRETS <path or variable...>] [EXCLUDE_FROM_ALL])
function(vm_image name)
  set(options EXCLUDE_FROM_ALL PROVISION_NETWORK)
  set(one_value TARGET JAR NODE GO PYTHON WORKING_DIRECTORY OVERLAY BASE KERNEL LOCK USER HEALTH CPUS MEMORY DISK PROVISION_TIMEOUT
    SECURE_BOOT_KEY SECURE_BOOT_CERTIFICATE)
  set(multi_value COMMAND JAVA_OPTIONS COMPONENTS PACKAGES PACKAGE_FILES FILES PROVISION ENVIRONMENT VOLUME PORTS FORMATS
    ALLOW_SECRETS)
  set(caller "vm_image(${name})")
  cmake_parse_arguments(PARSE_ARGV 1 arg "${options}" "${one_value}" "${multi_value}")

  _vm_check_words("${caller}" "${options};${one_value};${multi_value}"
    UNPARSED "${arg_UNPARSED_ARGUMENTS}" MISSING "${arg_KEYWORDS_MISSING_VALUES}"
    STRICT "${arg_PORTS};${arg_VOLUME};${arg_FORMATS};${arg_PACKAGES};${arg_ENVIRONMENT}"
    LENIENT "${arg_COMMAND};${arg_JAVA_OPTIONS};${arg_COMPONENTS};${arg_FILES};${arg_PACKAGE_FILES};${arg_PROVISION};${arg_ALLOW_SECRETS}")
  _vm_check_image_arguments()
  _vm_add_image_rules()
endfunction()

# vm_add_boot_test(NAME <test> IMAGE <name> [COMMAND <client> <args...>] [COUNT <n>] [TIMEOUT <seconds>])
#   Boots COUNT (1) throw-away instances of the image. Without COMMAND the test passes when the image's health
#   check answers; with one, it is run once per instance while that is up, with VM_ADDRESS, VM_NAME and
#   VM_PORT_<guest port> in its environment, and decides.
function(vm_add_boot_test)
  set(one_value NAME IMAGE COUNT TIMEOUT)
  set(multi_value COMMAND)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "${one_value}" "${multi_value}")
  set(caller "vm_add_boot_test(${arg_NAME})")
  _vm_check_words("${caller}" "${one_value};${multi_value}"
    UNPARSED "${arg_UNPARSED_ARGUMENTS}" MISSING "${arg_KEYWORDS_MISSING_VALUES}" STRICT "" LENIENT "${arg_COMMAND}")
  _vm_check_boot_test_arguments()
  _vm_add_boot_test_rules()
endfunction()

# vm_fleet(<name> IMAGE <image> [COUNT <n>] [PORT <n>] [CPUS <n>] [MEMORY <size>]
#   [ENVIRONMENT <K=V...>] [SECRETS <name> <file> ...] [HOST_LOOPBACK] [COLD])
#   Writes <name>.fleet.json, and adds the targets <name>-up, <name>-status and <name>-down.
function(vm_fleet name)
  set(options HOST_LOOPBACK COLD)
  set(one_value IMAGE COUNT PORT CPUS MEMORY)
  set(multi_value ENVIRONMENT SECRETS)
  set(caller "vm_fleet(${name})")
  cmake_parse_arguments(PARSE_ARGV 1 arg "${options}" "${one_value}" "${multi_value}")
  _vm_check_words("${caller}" "${options};${one_value};${multi_value}"
    UNPARSED "${arg_UNPARSED_ARGUMENTS}" MISSING "${arg_KEYWORDS_MISSING_VALUES}"
    STRICT "${arg_ENVIRONMENT}" LENIENT "${arg_SECRETS}")
  _vm_check_fleet_arguments()
  _vm_add_fleet_rules()
endfunction()

_vm_finish_later()

cmake_policy(POP)
