# Teaches a stock cpack the generator VMIMAGE. Included at the end of CPackConfig.cmake (VMImageCPackSetup.cmake).
#
# The generators that cpack has are compiled in. One of them, External, stages the project's install tree and then
# runs a script of the project; so VMIMAGE is External with our script. What cpack does, on 3.25 and since:
#   1. read CPackConfig.cmake, this file with it
#   2. set CPACK_GENERATOR from -G and -D, then CMAKE_MODULE_PATH from CPACK_MODULE_PATH
#   3. for each generator of CPACK_GENERATOR, in a scope of variables of its own: set CPACK_GENERATOR to its name,
#      read CPACK_PROJECT_CONFIG_FILE, let the generator initialise itself, stage, package
# Every such setting can be watched. In 1 and 2 VMIMAGE is replaced by External in the list, whoever sets it; in 3 we
# know from the place in the list which External is ours, and all that is set for it goes away with its scope, so
# that a project's own use of External is not touched.

include_guard(GLOBAL)
cmake_policy(PUSH)
cmake_policy(VERSION 3.25...3.31)
include("${CMAKE_CURRENT_LIST_DIR}/VMImageInstallRules.cmake")
set_property(GLOBAL PROPERTY _VM_CPACK_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/VMImagePackage.cmake")
set_property(GLOBAL PROPERTY _VM_CPACK_STARTED FALSE)

# Replaces VMIMAGE in the list of generators, and remembers the list as it was.
macro(_vm_cpack_take_generators generators)
  set_property(GLOBAL PROPERTY _VM_CPACK_GENERATORS "${generators}")
  set(CPACK_GENERATOR "${generators}")
  list(TRANSFORM CPACK_GENERATOR REPLACE "^VMIMAGE$" "External")
endmacro()

# Called when CPACK_GENERATOR is set.
macro(_vm_watch_cpack_generator variable access value list_file stack)
  if("${access}" STREQUAL "MODIFIED_ACCESS")
    get_property(_vm_cpack_started GLOBAL PROPERTY _VM_CPACK_STARTED)
    if(NOT _vm_cpack_started)
      _vm_cpack_take_generators("${value}")
    elseif(NOT DEFINED _vm_cpack_generator)
      # The first setting in the scope of one generator: cpack begins with it. CPACK_PROJECT_CONFIG_FILE, which is
      # read next, and the name of the staging folder get VMIMAGE to see.
      get_property(_vm_cpack_generators GLOBAL PROPERTY _VM_CPACK_GENERATORS)
      list(POP_FRONT _vm_cpack_generators _vm_cpack_generator)
      set_property(GLOBAL PROPERTY _VM_CPACK_GENERATORS "${_vm_cpack_generators}")
      if(_vm_cpack_generator STREQUAL "VMIMAGE")
        set(CPACK_GENERATOR VMIMAGE)
      endif()
    endif()
  endif()
endmacro()

# Called when CMAKE_MODULE_PATH is set, the last that cpack does before it goes through the generators.
macro(_vm_watch_cpack_start variable access value list_file stack)
  if("${access}" STREQUAL "MODIFIED_ACCESS")
    set_property(GLOBAL PROPERTY _VM_CPACK_STARTED TRUE)
  endif()
endmacro()

# Called when External initialises itself, the first that happens after CPACK_PROJECT_CONFIG_FILE was read.
macro(_vm_watch_cpack_external variable access value list_file stack)
  if("${access}" STREQUAL "MODIFIED_ACCESS" AND "${_vm_cpack_generator}" STREQUAL "VMIMAGE")
    _vm_cpack_prepare()
  endif()
endmacro()

# The configuration to package: cpack -C, else what the install scripts take.
function(_vm_cpack_configuration out)
  list(APPEND configurations ${CPACK_BUILD_CONFIG})
  if(configurations)
    list(GET configurations 0 configuration)
  else()
    list(GET CPACK_INSTALL_CMAKE_PROJECTS 0 folder)
    file(READ "${folder}/cmake_install.cmake" text)
    _vm_default_configuration(configuration "${text}")
  endif()
  set(${out} "${configuration}" PARENT_SCOPE)
endfunction()

# The names of the images to package, and of the components that they take; "ALL" for one that takes all.
function(_vm_cpack_images out_descriptions out_names out_components)
  if("${CPACK_INSTALL_CMAKE_PROJECTS}" STREQUAL "")
    message(FATAL_ERROR "VMIMAGE packages what a project installs, and there is no such project to package"
      "\nAn image cannot be made of sources (CPackSourceConfig.cmake); leave VMIMAGE out of that list.")
  endif()
  if("${CPACK_VMIMAGE_DESCRIPTIONS}" STREQUAL "")
    message(FATAL_ERROR "VMIMAGE found no image in this project\nMake one with vm_image(); see docs/cmake.md.")
  endif()
  _vm_cpack_configuration(configuration)
  string(REPLACE "$<CONFIG>" "${configuration}" descriptions "${CPACK_VMIMAGE_DESCRIPTIONS}")
  set(names "")
  set(all_components "")
  foreach(description IN LISTS descriptions)
    if(NOT EXISTS "${description}")
      message(FATAL_ERROR "VMIMAGE cannot package configuration '${configuration}': no such file '${description}'"
        "\nName one of the project's configurations: cpack -C <configuration>.")
    endif()
    include("${description}")
    _vm_image_contents(components program)
    list(APPEND names "${vm_name}")
    list(APPEND all_components ${components})
  endforeach()
  list(REMOVE_DUPLICATES all_components)
  set(${out_descriptions} "${descriptions}" PARENT_SCOPE)
  set(${out_names} "${names}" PARENT_SCOPE)
  set(${out_components} "${all_components}" PARENT_SCOPE)
endfunction()

# Has External stage the components of the images under prefix /usr, as vm_image() itself does, and run our script.
# DESTDIR staging, so that what is installed to a full path such as /etc goes into the image and not onto this host.
macro(_vm_cpack_prepare)
  get_property(CPACK_EXTERNAL_PACKAGE_SCRIPT GLOBAL PROPERTY _VM_CPACK_SCRIPT)
  set(CPACK_EXTERNAL_ENABLE_STAGING ON)
  set(CPACK_SET_DESTDIR ON)
  set(CPACK_INSTALL_PREFIX /usr)
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY OFF)
  set(CPACK_EXTERNAL_BUILT_PACKAGES "")
  if("${CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS}" STREQUAL "")
    set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
      GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  endif()

  _vm_cpack_images(_vm_descriptions _vm_names _vm_components)
  if(_vm_components STREQUAL "ALL" AND NOT CPACK_COMPONENTS_ALL_SET_BY_USER)
    set(CPACK_MONOLITHIC_INSTALL ON)
    set(_vm_all_components "")
  else()
    # Each component in a folder of its own, from which each image takes what it is made of.
    set(CPACK_MONOLITHIC_INSTALL OFF)
    set(_vm_all_components "${CPACK_VMIMAGE_ALL_COMPONENTS}")
    if(CPACK_COMPONENTS_ALL_SET_BY_USER)
      set(_vm_all_components "${CPACK_COMPONENTS_ALL}")
    endif()
    set(CPACK_COMPONENTS_ALL "${_vm_components}")
    if("ALL" IN_LIST CPACK_COMPONENTS_ALL)
      list(REMOVE_ITEM CPACK_COMPONENTS_ALL ALL)
      list(APPEND CPACK_COMPONENTS_ALL ${_vm_all_components})
      list(REMOVE_DUPLICATES CPACK_COMPONENTS_ALL)
    endif()
  endif()
  list(LENGTH CPACK_INSTALL_CMAKE_PROJECTS _vm_length)
  foreach(_vm_index RANGE 2 ${_vm_length} 4)
    if(_vm_index LESS _vm_length)
      list(REMOVE_AT CPACK_INSTALL_CMAKE_PROJECTS ${_vm_index})
      list(INSERT CPACK_INSTALL_CMAKE_PROJECTS ${_vm_index} ALL)
    endif()
  endforeach()

  # An image is for one kind of processor; CMake's default name does not say which.
  if(CPACK_PACKAGE_FILE_NAME STREQUAL "${_vm_cpack_default_name}")
    string(APPEND CPACK_PACKAGE_FILE_NAME "-${CPACK_VMIMAGE_PROCESSOR}")
  endif()
  # External writes <CPACK_PACKAGE_FILE_NAME>.json, which our script replaces by the manifest of the first image; so
  # with several images the first one's name belongs to it.
  set(_vm_stems "")
  foreach(_vm_name IN LISTS _vm_names)
    list(APPEND _vm_stems "${CPACK_PACKAGE_FILE_NAME}-${_vm_name}")
  endforeach()
  list(LENGTH _vm_names _vm_length)
  if(_vm_length EQUAL 1)
    set(_vm_stems "${CPACK_PACKAGE_FILE_NAME}")
  endif()
  list(GET _vm_stems 0 CPACK_PACKAGE_FILE_NAME)
endmacro()

if(CPACK_SYSTEM_NAME STREQUAL "Linux" AND
   CPACK_PACKAGE_FILE_NAME STREQUAL "${CPACK_PACKAGE_NAME}-${CPACK_PACKAGE_VERSION}-${CPACK_SYSTEM_NAME}")
  set(_vm_cpack_default_name "${CPACK_PACKAGE_FILE_NAME}")
else()
  set(_vm_cpack_default_name "")
endif()
if(NOT DEFINED CPACK_MODULE_PATH)
  set(CPACK_MODULE_PATH "")
endif()
_vm_cpack_take_generators("${CPACK_GENERATOR}")
variable_watch(CPACK_GENERATOR _vm_watch_cpack_generator)
variable_watch(CMAKE_MODULE_PATH _vm_watch_cpack_start)
variable_watch(CPACK_EXTERNAL_KNOWN_VERSIONS _vm_watch_cpack_external)

cmake_policy(POP)
