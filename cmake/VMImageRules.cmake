# The build rules of an image and of its boot test.
#
# An image is made in two steps, each a custom command:
#   stage   install() into <work>/stage, learn from that what was installed (the depfile), complete the recipe,
#           and write a digest of all that goes in (VMImageStage.cmake). Runs when any of that may have changed.
#   build   vmimage build. Runs when that digest or the vmimage program changed.
# What depends on targets that may be defined after the call is filled in at the end of the configuration
# (VMImageFinish.cmake), through target properties that the rules read by generator expressions.

# The rules of vm_image(); reads name, caller and arg_* of the caller.
function(_vm_add_image_rules)
  get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}")
  set(work "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.vmimage")
  if(multi_config)
    string(APPEND folder "/$<CONFIG>")
    string(APPEND work "/$<CONFIG>")
  endif()
  _vm_use_stack(unknown_of_stack)
  _vm_use_ami(ami_region no_ami)
  _vm_image_suffixes(suffixes)
  _vm_image_files(files file_dependencies unknown_files)
  list(APPEND files ${stack_files})
  list(APPEND unknown_files ${unknown_of_stack})
  _vm_base_file(base_file unknown_files)
  _vm_input_files(package_files PACKAGE_FILES unknown_files)
  _vm_input_files(scripts PROVISION unknown_files)
  _vm_input_files(secure_boot_key SECURE_BOOT_KEY unknown_files)
  _vm_input_files(secure_boot_certificate SECURE_BOOT_CERTIFICATE unknown_files)
  set(command "${arg_COMMAND}")
  if(command STREQUAL "")
    set(command "${arg_TARGET}")
  endif()
  _vm_program(program program_target)
  _vm_write_description()

  set(target_files "$<TARGET_GENEX_EVAL:${name},$<TARGET_PROPERTY:${name},_VM_TARGET_FILES>>")
  set(root "${CMAKE_CURRENT_FUNCTION_LIST_DIR}")
  add_custom_command(
    OUTPUT "${work}/stage.stamp"
    BYPRODUCTS "${work}/recipe.json" "${work}/inputs.sha256"
    COMMAND "${CMAKE_COMMAND}" "-DIMAGE=${work}/image.cmake" -P "${root}/VMImageStage.cmake"
    DEPENDS "${work}/image.cmake" "${work}/recipe.in.json" "${root}/VMImageStage.cmake"
            "${root}/VMImageInstallRules.cmake" "${target_files}" ${file_dependencies}
            ${package_files} ${scripts} ${stack_inputs} ${stack_stamp}
    DEPFILE "${work}/stage.d"
    COMMENT "Staging image ${name}"
    VERBATIM)
  add_custom_target(${name}_stage DEPENDS "${work}/stage.stamp")

  list(TRANSFORM suffixes PREPEND "${folder}/${name}" OUTPUT_VARIABLE outputs)
  set(lock "")
  if(DEFINED arg_LOCK)
    cmake_path(ABSOLUTE_PATH arg_LOCK BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" OUTPUT_VARIABLE lock)
  endif()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND "${program}" build "${work}/recipe.json" -o "${folder}" --stem "${name}" --quiet
    DEPENDS "${work}/inputs.sha256" "${program}" ${program_target} ${lock} "${base_file}"
            ${secure_boot_key} ${secure_boot_certificate}
    COMMENT "Building image ${name}${no_ami}"
    VERBATIM)
  if(NOT ami_region STREQUAL "")
    list(GET outputs 0 published)
    add_custom_command(
      OUTPUT "${folder}/${name}.ami.json"
      COMMAND "${CMAKE_COMMAND}" "-DIMAGE=${work}/image.cmake" "-DFOLDER=${folder}" "-DSTEM=${name}"
              -P "${root}/VMImagePublish.cmake"
      DEPENDS "${published}" "${work}/image.cmake"
      COMMENT "Publishing image ${name} in ${ami_region}"
      USES_TERMINAL
      VERBATIM)
    list(APPEND outputs "${folder}/${name}.ami.json")
  endif()
  set(all ALL)
  if(arg_EXCLUDE_FROM_ALL)
    set(all "")
  endif()
  add_custom_target(${name} ${all} DEPENDS ${outputs})
  add_dependencies(${name} ${name}_stage)
  if(NOT lock STREQUAL "")
    add_custom_target(${name}_lock
      COMMAND "${program}" base lock --recipe "${work}/recipe.json" -o "${lock}"
      DEPENDS "${work}/stage.stamp" "${program}" ${program_target}
      COMMENT "Pinning the packages of image ${name}"
      VERBATIM)
    add_dependencies(${name}_lock ${name}_stage)
  endif()

  list(GET outputs 0 image)
  set(command_program "")
  if(command)
    list(GET command 0 command_program)
  endif()
  set_target_properties(${name} PROPERTIES VM_IMAGE "${image}" VM_IMAGE_FILES "${outputs}"
    _VM_LOCATION "${location}" _VM_WORK "${work}" _VM_CPUS "${arg_CPUS}" _VM_HEALTH "${arg_HEALTH}"
    _VM_TARGET "${arg_TARGET}" _VM_PROGRAM "${command_program}" _VM_COMPONENTS "${arg_COMPONENTS}"
    _VM_UNKNOWN_FILES "${unknown_files}" _VM_STACK_TARGETS "${stack_targets}")
  set_property(GLOBAL APPEND PROPERTY _VM_IMAGES ${name})
  set_property(GLOBAL APPEND PROPERTY _VM_UNFINISHED_IMAGES ${name})
  _vm_finish_later()
endfunction()

# FORMATS ami: an AMI is in an account and no file, so that the build makes it only where a region is set on purpose,
# VMIMAGE_AWS_REGION. Else what it is made of is written, the raw disk, and <out_missing> says why. Takes "ami" out of
# arg_FORMATS, as vmimage build writes files only.
function(_vm_use_ami out_region out_missing)
  set(region "")
  set(missing "")
  if(ami IN_LIST arg_FORMATS)
    list(REMOVE_ITEM arg_FORMATS ami)
    set(region "${VMIMAGE_AWS_REGION}")
    if(region STREQUAL "")
      set(missing " (its raw disk, and no AMI: VMIMAGE_AWS_REGION is not set)")
      list(APPEND arg_FORMATS raw)
      list(REMOVE_DUPLICATES arg_FORMATS)
    endif()
  endif()
  set(arg_FORMATS "${arg_FORMATS}" PARENT_SCOPE)
  set(${out_region} "${region}" PARENT_SCOPE)
  set(${out_missing} "${missing}" PARENT_SCOPE)
endfunction()

# What the file of a format ends in (generator/format/format.cpp).
function(_vm_format_suffix out format)
  set(suffix ".${format}")
  if(format STREQUAL "qcow2-zstd")
    set(suffix .zstd.qcow2)
  elseif(format STREQUAL "gce")
    set(suffix .gce.tar.gz)
  endif()
  set(${out} "${suffix}" PARENT_SCOPE)
endfunction()

# What the files of an image end in: the qcow2, its manifest, then the further formats.
function(_vm_image_suffixes out)
  set(suffixes .qcow2 .json)
  foreach(format IN LISTS arg_FORMATS)
    _vm_format_suffix(suffix "${format}")
    list(APPEND suffixes "${suffix}")
  endforeach()
  list(REMOVE_DUPLICATES suffixes)
  set(${out} "${suffixes}" PARENT_SCOPE)
endfunction()

# The file of a BASE file:<path> with its full path, which BASE then has too; "" for any other base. The image is built
# again when it changes.
function(_vm_base_file out unknown)
  set(file "")
  if("${arg_BASE}" MATCHES "^file:(.+)$")
    _vm_full_path(file "${CMAKE_MATCH_1}" BASE ${unknown})
    set(arg_BASE "file:${file}" PARENT_SCOPE)
  endif()
  set(${out} "${file}" PARENT_SCOPE)
  set(${unknown} "${${unknown}}" PARENT_SCOPE)
endfunction()

# The full path of a file that the argument <keyword> names; when it is not there yet, it goes on the list named
# <missing_list>, after its keyword: a rule of the build has to make it.
function(_vm_full_path out path keyword missing_list)
  if(NOT path MATCHES "^[$]<")
    cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    if(NOT EXISTS "${path}")
      set(${missing_list} ${${missing_list}} ${keyword} "${path}" PARENT_SCOPE)
    endif()
  endif()
  set(${out} "${path}" PARENT_SCOPE)
endfunction()

# FILES with full paths; those of them to depend on; and what is not there yet (_vm_full_path()).
function(_vm_image_files out_files out_dependencies out_unknown)
  set(files "")
  set(dependencies "")
  set(unknown "")
  set(words "${arg_FILES}")
  while(words)
    list(POP_FRONT words source destination)
    _vm_full_path(source "${source}" FILES unknown)
    list(APPEND files "${source}" "${destination}")
    # What a folder holds is in the depfile; as a dependency it would only be its own time stamp.
    if(NOT IS_DIRECTORY "${source}")
      list(APPEND dependencies "${source}")
    endif()
  endwhile()
  set(${out_files} "${files}" PARENT_SCOPE)
  set(${out_dependencies} "${dependencies}" PARENT_SCOPE)
  set(${out_unknown} "${unknown}" PARENT_SCOPE)
endfunction()

# The files of an argument <keyword> with full paths; those that are not there yet go on the list named <unknown>.
function(_vm_input_files out keyword unknown)
  set(files "")
  foreach(file IN LISTS arg_${keyword})
    _vm_full_path(file "${file}" ${keyword} ${unknown})
    list(APPEND files "${file}")
  endforeach()
  set(${out} "${files}" PARENT_SCOPE)
  set(${unknown} "${${unknown}}" PARENT_SCOPE)
endfunction()

# Writes, per configuration, <work>/recipe.in.json, the recipe as far as it is known before anything is built, and
# <work>/image.cmake, all else that staging and packaging need to know. Sets location in the caller.
function(_vm_write_description)
  string(REGEX REPLACE "^.*::" "" service "${arg_TARGET}")
  if(stack)
    set(service "${stack_service}")
  endif()
  set(jar "")
  if(stack STREQUAL "JAR")
    set(jar "${stack_inputs}")
  endif()
  set(working_directory "${stack_folder}")
  if(DEFINED arg_WORKING_DIRECTORY)
    set(working_directory "${arg_WORKING_DIRECTORY}")
  endif()
  _vm_recipe(recipe "${name}" "${service}" command files package_files scripts)
  file(GENERATE OUTPUT "${work}/recipe.in.json" CONTENT "${recipe}")

  _vm_regex_escape(name_regex "${name}")
  _vm_call_location(location vm_image "${name_regex}")
  set(overlay "")
  if(DEFINED arg_OVERLAY)
    cmake_path(ABSOLUTE_PATH arg_OVERLAY BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" OUTPUT_VARIABLE overlay)
  endif()
  set(inputs ${package_files} ${scripts} ${stack_inputs})
  set(default_components ALL)
  if(package_files OR stack)
    set(default_components "")  # what the project installs belongs to another service, or goes over the package's
  endif()
  set(evaluate "TARGET_GENEX_EVAL:${name},$<TARGET_PROPERTY:${name}")
  file(GENERATE OUTPUT "${work}/image.cmake" CONTENT
"# What staging and packaging of the image ${name} need to know; written by vm_image().
set(vm_name [==[${name}]==])
set(vm_location [==[${location}]==])
set(vm_work [==[${work}]==])
set(vm_config [==[$<CONFIG>]==])
set(vm_install_script [==[${CMAKE_BINARY_DIR}/cmake_install.cmake]==])
set(vm_components [==[${arg_COMPONENTS}]==])
set(vm_default_components [==[${default_components}]==])
set(vm_targets [==[$<TARGET_PROPERTY:${name},_VM_TARGETS>]==])
set(vm_target_files [==[$<${evaluate},_VM_TARGET_FILES>>]==])
set(vm_program_file [==[$<${evaluate},_VM_PROGRAM_FILE>>]==])
set(vm_files [==[${files}]==])
set(vm_made_files [==[${stack_files}]==])
set(vm_overlay [==[${overlay}]==])
set(vm_inputs [==[${inputs}]==])
set(vm_suffixes [==[${suffixes}]==])
set(vm_program [==[${program}]==])
set(vm_source [==[${CMAKE_CURRENT_SOURCE_DIR}]==])
set(vm_ami_region [==[${ami_region}]==])
set(vm_ami_options [==[${VMIMAGE_AWS_OPTIONS}]==])
set(vm_no_ami [==[${no_ami}]==])
")
  set(location "${location}" PARENT_SCOPE)
endfunction()

# The rules of vm_add_boot_test(); reads caller and arg_* of the caller.
function(_vm_add_boot_test_rules)
  if(DEFINED BUILD_TESTING AND NOT BUILD_TESTING)
    return()
  endif()
  _vm_enable_testing()
  if(NOT DEFINED arg_COUNT)
    set(arg_COUNT 1)
  endif()
  if(NOT DEFINED arg_TIMEOUT)
    set(arg_TIMEOUT 180)
  endif()
  string(MAKE_C_IDENTIFIER "${arg_NAME}" id)
  set(evaluate "TARGET_GENEX_EVAL:${arg_IMAGE},$<TARGET_PROPERTY:${arg_IMAGE}")
  set(client "")
  set(client_program "")
  if(NOT "${arg_COMMAND}" STREQUAL "")
    list(POP_FRONT arg_COMMAND client_program)
    set(client -- "$<${evaluate},_VM_CLIENT_${id}>>" ${arg_COMMAND})
  endif()
  _vm_program(program program_target)
  set(image "$<${evaluate},VM_IMAGE>>")
  set(log "${CMAKE_CURRENT_BINARY_DIR}/${id}.serial.log")
  add_test(NAME "${arg_NAME}" COMMAND "${program}" boot "${image}" --check --count ${arg_COUNT}
    --timeout ${arg_TIMEOUT} --serial-log "${log}" ${client})
  # Boot and client may take the inner time-out each before vmimage itself says what was wrong.
  math(EXPR outer_timeout "2 * ${arg_TIMEOUT} + 120")
  set_tests_properties("${arg_NAME}" PROPERTIES
    LABELS boot TIMEOUT ${outer_timeout} PROCESSORS ${arg_COUNT} REQUIRED_FILES "${image}")
  _vm_call_location(location vm_add_boot_test "NAME[ \t\r\n]+[^ \t\r\n]*")
  set_property(GLOBAL APPEND PROPERTY _VM_UNFINISHED_TESTS "${location};${arg_NAME};${arg_IMAGE};_VM_CLIENT_${id};${client_program}")
  _vm_finish_later()
endfunction()

# Lets ctest find tests of this folder from the top of the build, as include(CTest) in the top CMakeLists would:
# deferred, as it is a setting of each folder on the way and not of this function.
function(_vm_enable_testing)
  set(folder "${CMAKE_CURRENT_SOURCE_DIR}")
  while(NOT folder STREQUAL "")
    cmake_language(DEFER DIRECTORY "${folder}" CALL enable_testing)
    get_property(folder DIRECTORY "${folder}" PROPERTY PARENT_DIRECTORY)
  endwhile()
endfunction()
