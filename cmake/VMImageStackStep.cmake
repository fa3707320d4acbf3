# What the build steps of the stacks share: cmake -DSETTINGS=<stack_work>/settings.cmake -DBUILD=<build folder>
# -P VMImageStack<stack>.cmake, called by the rules that vm_image() made. Each leaves in <stack_work> what goes into
# the image, the depfile with all that was read for it, and the stamp.

include("${SETTINGS}")

# fail(<what> [<more>]): ends the build, with the place of the vm_image().
function(fail what)
  message(FATAL_ERROR "${location}: ${what}" ${ARGN})
endfunction()

# The arguments of find(1) that pass over what is no source: hidden files, the build's folder and any other folder of
# CMake, what else is named.
function(prune_arguments out)
  set(arguments -mindepth 1 "(" -name ".?*" -o -path "${BUILD}" -o -name CMakeLists.txt)
  foreach(pruned IN LISTS ARGN)
    list(APPEND arguments -o -name "${pruned}")
  endforeach()
  list(APPEND arguments -o -type d -exec test -e "{}/CMakeCache.txt" "\;" ")" -prune -o)
  set(${out} "${arguments}" PARENT_SCOPE)
endfunction()

# Copies the sources into <stack_work>/app, but for what is passed over, and appends them to the list <list_name>.
function(copy_sources list_name)
  prune_arguments(arguments ${ARGN})
  file(REMOVE_RECURSE "${stack_work}/app")
  file(MAKE_DIRECTORY "${stack_work}/app")
  execute_process(COMMAND find . ${arguments} -print0
    COMMAND tar --create --null --no-recursion --files-from -
    COMMAND tar --extract --directory "${stack_work}/app"
    WORKING_DIRECTORY "${source_folder}" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND find "${source_folder}" ${arguments} -print
    OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "\\;" text "${text}")
  string(REPLACE "\n" ";" found "${text}")
  set(${list_name} ${${list_name}} "${source_folder}" ${found} PARENT_SCOPE)
endfunction()

# Writes depfile and stamp: the step is run again when one of these files has changed.
function(finish sources)
  set(text "${stack_work}/stamp:")
  foreach(path IN LISTS sources)
    string(APPEND text "\n${path}")
  endforeach()
  string(REPLACE "$" "$$" text "${text}")
  string(REPLACE "#" "\\#" text "${text}")
  string(REPLACE " " "\\ " text "${text}")
  string(REPLACE "\n" " \\\n  " text "${text}")
  file(WRITE "${stack_work}/depfile" "${text}\n")
  file(TOUCH "${stack_work}/stamp")
endfunction()
