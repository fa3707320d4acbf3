# Configure time half of `cpack -G VMIMAGE`: has the CPackConfig.cmake of the project read VMImageCPack.cmake.
#
# CPackConfig.cmake includes, as its last step, the file that CPACK_PROPERTIES_FILE names. That becomes a file of
# ours, which first includes the one that would have been there: the user's own, or CPackProperties.cmake, where
# CMake writes what set_property(INSTALL) said.

set(_vm_cpack_file "${CMAKE_BINARY_DIR}/CMakeFiles/VMImageCPackConfig.cmake")
set_property(GLOBAL PROPERTY _VM_CPACK_FILE "${_vm_cpack_file}")
set_property(GLOBAL PROPERTY _VM_CPACK_USER_FILE "")

# In the cache, so that include(CPack) finds it set in whichever folder it stands.
if(NOT DEFINED CACHE{CPACK_PROPERTIES_FILE})
  set(CPACK_PROPERTIES_FILE "${_vm_cpack_file}" CACHE INTERNAL "Read by cpack; has it know the generator VMIMAGE")
endif()

# Called on each access to CPACK_PROPERTIES_FILE. When CPack.cmake copies it into CPackConfig.cmake and finds a value
# of the user's there, wherever that was set, it gets ours instead. A macro, to set it in CPack's own scope.
macro(_vm_watch_cpack_properties_file variable access value list_file stack)
  if("${list_file}" MATCHES "/CPack\\.cmake$")
    get_property(_vm_cpack_file GLOBAL PROPERTY _VM_CPACK_FILE)
    if(NOT "${value}" STREQUAL "${_vm_cpack_file}")
      set_property(GLOBAL PROPERTY _VM_CPACK_USER_FILE "${value}")
      set(CPACK_PROPERTIES_FILE "${_vm_cpack_file}")
    endif()
  endif()
endmacro()
variable_watch(CPACK_PROPERTIES_FILE _vm_watch_cpack_properties_file)

# Writes that file, at the end of the configuration.
function(_vm_write_cpack_file)
  get_property(file GLOBAL PROPERTY _VM_CPACK_FILE)
  get_property(user_file GLOBAL PROPERTY _VM_CPACK_USER_FILE)
  get_property(images GLOBAL PROPERTY _VM_IMAGES)
  get_cmake_property(components COMPONENTS)
  if(user_file STREQUAL "")
    set(user_file "${CMAKE_BINARY_DIR}/CPackProperties.cmake")
  endif()
  set(descriptions "")
  foreach(image IN LISTS images)
    get_target_property(work ${image} _VM_WORK)
    list(APPEND descriptions "${work}/image.cmake")
  endforeach()
  file(CONFIGURE OUTPUT "${file}" @ONLY CONTENT
[[# What cpack -G VMIMAGE needs to know; written by VMImage at the end of the configuration.
if(EXISTS [==[@user_file@]==])
  include([==[@user_file@]==])
endif()
# The description of each vm_image(); $<CONFIG> stands for the configuration that is packaged.
set(CPACK_VMIMAGE_DESCRIPTIONS [==[@descriptions@]==])
set(CPACK_VMIMAGE_ALL_COMPONENTS [==[@components@]==])
set(CPACK_VMIMAGE_PROCESSOR [==[@CMAKE_SYSTEM_PROCESSOR@]==])
if(EXISTS [==[@CMAKE_CURRENT_FUNCTION_LIST_DIR@/VMImageCPack.cmake]==])
  include([==[@CMAKE_CURRENT_FUNCTION_LIST_DIR@/VMImageCPack.cmake]==])
endif()
]])

  # A CPackConfig.cmake that was written before VMImage was there does not read that file yet.
  set(config "${CMAKE_BINARY_DIR}/CPackConfig.cmake")
  if(CPACK_OUTPUT_CONFIG_FILE)
    set(config "${CPACK_OUTPUT_CONFIG_FILE}")
  endif()
  if(images AND EXISTS "${config}")
    file(READ "${config}" text)
    string(FIND "${text}" "${file}" at)
    if(at EQUAL -1)
      file(APPEND "${config}" "include([==[${file}]==] OPTIONAL)\n")
    endif()
  endif()
endfunction()
