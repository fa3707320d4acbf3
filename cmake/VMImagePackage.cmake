# The package script of cpack -G VMIMAGE: run by CPack's External generator when the install tree is staged
# (VMImageCPack.cmake). Builds every image of the project from it, and only when all of them are there puts them in
# the folder for packages.

cmake_policy(PUSH)
cmake_policy(VERSION 3.25...3.31)

# The staged trees that make up the image with these components.
function(_vm_package_trees out components)
  if(components STREQUAL "ALL")
    set(components "${_vm_all_components}")
  endif()
  set(trees "")
  foreach(component IN LISTS components)
    if(EXISTS "${CPACK_TEMPORARY_DIRECTORY}/${component}")
      list(APPEND trees --tree "${CPACK_TEMPORARY_DIRECTORY}/${component}")
    endif()
  endforeach()
  if(CPACK_MONOLITHIC_INSTALL)
    set(trees --tree "${CPACK_TEMPORARY_DIRECTORY}")
  endif()
  if(trees STREQUAL "" OR components STREQUAL "")
    file(MAKE_DIRECTORY "${CPACK_TOPLEVEL_DIRECTORY}/nothing")
    set(trees --tree "${CPACK_TOPLEVEL_DIRECTORY}/nothing")
  endif()
  set(${out} "${trees}" PARENT_SCOPE)
endfunction()

# Builds the image that <description> is of, as <folder>/<stem>.*, and sets the files that it consists of.
function(_vm_package_image out description folder stem)
  include("${description}")
  _vm_image_contents(components program)
  _vm_package_trees(trees "${components}")
  file(READ "${vm_work}/recipe.in.json" recipe)
  if(NOT program STREQUAL "")
    string(JSON recipe SET "${recipe}" command 0 "\"${program}\"")
  endif()
  file(WRITE "${folder}/${stem}.recipe" "${recipe}\n")
  if(NOT EXISTS "${vm_program}")
    message(FATAL_ERROR "VMIMAGE found no program '${vm_program}' to build images with\nBuild the project first.")
  endif()
  execute_process(COMMAND "${vm_program}" build "${folder}/${stem}.recipe" -o "${folder}" --stem "${stem}" ${trees}
    --quiet RESULT_VARIABLE result OUTPUT_QUIET)
  if(result)
    message(FATAL_ERROR "VMIMAGE failed to build image '${vm_name}' (${result})")
  endif()
  set(files "")
  foreach(suffix IN LISTS vm_suffixes)
    list(APPEND files "${stem}${suffix}")
  endforeach()
  set(${out} "${files}" PARENT_SCOPE)
endfunction()

set(_vm_folder "${CPACK_TOPLEVEL_DIRECTORY}/images")
file(REMOVE_RECURSE "${_vm_folder}")
file(MAKE_DIRECTORY "${_vm_folder}")
set(_vm_files "")
foreach(_vm_description _vm_stem IN ZIP_LISTS _vm_descriptions _vm_stems)
  _vm_package_image(_vm_image_files "${_vm_description}" "${_vm_folder}" "${_vm_stem}")
  list(APPEND _vm_files ${_vm_image_files})
endforeach()

# The first image's manifest takes the place of the JSON that External made; CPack puts that in place itself.
list(GET _vm_stems 0 _vm_stem)
file(RENAME "${_vm_folder}/${_vm_stem}.json" "${CPACK_TEMPORARY_PACKAGE_FILE_NAME}")
list(REMOVE_ITEM _vm_files "${_vm_stem}.json")
# In place at once rather than copied by CPack: an image may be large, and sparse.
foreach(_vm_file IN LISTS _vm_files)
  file(RENAME "${_vm_folder}/${_vm_file}" "${CPACK_PACKAGE_DIRECTORY}/${_vm_file}")
  list(APPEND CPACK_EXTERNAL_BUILT_PACKAGES "${CPACK_PACKAGE_DIRECTORY}/${_vm_file}")
endforeach()

cmake_policy(POP)
