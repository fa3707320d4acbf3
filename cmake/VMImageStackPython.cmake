# The build step of vm_image(PYTHON): the sources, and a virtual environment with what requirements.txt asks for. It is
# put together here for its place in the image, for the Python of the image's base.

cmake_minimum_required(VERSION 3.25...3.31)
include("${CMAKE_CURRENT_LIST_DIR}/VMImageStackStep.cmake")

# The version of this machine's Python, as 3.11.
function(own_version out)
  execute_process(COMMAND "${stack_program}" -c "import sys; print('%d.%d' % sys.version_info[:2])"
    OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

# Installs the requirements into <modules>. For another Python than this machine's only ready wheels will do.
function(install_requirements modules version own)
  set(platform "")
  if(NOT version STREQUAL own)
    set(platform --only-binary=:all: --implementation cp --python-version "${version}")
    foreach(glibc IN ITEMS 2_17 2_28 2_31 2_34)
      list(APPEND platform --platform "manylinux_${glibc}_x86_64")
    endforeach()
    list(APPEND platform --platform manylinux2014_x86_64)
  endif()
  execute_process(COMMAND "${stack_program}" -m pip install --quiet --disable-pip-version-check --no-input
      --no-warn-script-location --no-compile --root-user-action=ignore ${platform} --target "${modules}"
      --requirement requirements.txt
    WORKING_DIRECTORY "${source_folder}" RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    fail("failed to install what '${source_folder}/requirements.txt' asks for (pip: ${result})\n${output}")
  endif()
endfunction()

# The programs that the requirements brought, started by the environment's Python rather than by this machine's.
function(move_programs modules programs)
  file(GLOB scripts "${modules}/bin/*")
  foreach(script IN LISTS scripts)
    cmake_path(GET script FILENAME script_name)
    file(READ "${script}" text)
    string(REGEX REPLACE "^#![^\n]*python[^\n]*" "#!${stack_place}/venv/bin/python3" text "${text}")
    file(WRITE "${programs}/${script_name}" "${text}")
    file(CHMOD "${programs}/${script_name}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
      GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  endforeach()
  file(REMOVE_RECURSE "${modules}/bin")
endfunction()

# Compiles all modules, which would be done at each start otherwise: the image's files are not the service's to write.
function(compile folder place)
  execute_process(COMMAND "${stack_program}" -m compileall -q -f --invalidation-mode unchecked-hash
    -s "${folder}" -p "${place}" "${folder}" OUTPUT_QUIET ERROR_QUIET)
endfunction()

own_version(own)
if(python_version STREQUAL "")
  set(python_version "${own}")
endif()
set(sources "")
copy_sources(sources __pycache__ venv)

set(environment "${stack_work}/venv")
set(modules "${environment}/lib/python${python_version}/site-packages")
set(digest "${python_version} ${own}")
if(EXISTS "${source_folder}/requirements.txt")
  file(READ "${source_folder}/requirements.txt" requirements)
  string(APPEND digest "\n${requirements}")
endif()
set(before "")
if(EXISTS "${stack_work}/requirements")
  file(READ "${stack_work}/requirements" before)
endif()
if(NOT before STREQUAL digest)
  file(REMOVE_RECURSE "${environment}")
  file(REMOVE "${stack_work}/requirements")
  file(MAKE_DIRECTORY "${environment}/bin" "${modules}")
  file(CREATE_LINK /usr/bin/python3 "${environment}/bin/python3" SYMBOLIC)
  # What PACKAGES brings (python3-*) is seen as well.
  file(WRITE "${environment}/pyvenv.cfg" "home = /usr/bin\ninclude-system-site-packages = true\nversion = ${python_version}\n")
  if(EXISTS "${source_folder}/requirements.txt")
    install_requirements("${modules}" "${python_version}" "${own}")
    move_programs("${modules}" "${environment}/bin")
  endif()
  if(python_version STREQUAL own)
    compile("${modules}" "${stack_place}/venv/lib/python${python_version}/site-packages")
  endif()
  file(WRITE "${stack_work}/requirements" "${digest}")
endif()
if(python_version STREQUAL own)
  compile("${stack_work}/app" "${stack_place}/app")
endif()
finish("${sources}")
