# The build step of vm_image(GO): "go build", which keeps a cache of its own. Without cgo, so that the program is by
# itself; who needs C libraries sets CGO_ENABLED=1 in the environment, and they come along.

cmake_minimum_required(VERSION 3.25...3.31)
include("${CMAKE_CURRENT_LIST_DIR}/VMImageStackStep.cmake")

# Appends what the program is made from, but for Go's own library: folders, so that a new file counts, and files.
function(note_sources list_name)
  set(files "")
  foreach(kind IN ITEMS GoFiles CgoFiles CFiles CXXFiles HFiles SFiles EmbedFiles)
    string(APPEND files "{{range .${kind}}}{{$d}}/{{.}}\n{{end}}")
  endforeach()
  set(format "{{if not .Standard}}{{$d := .Dir}}{{$d}}\n{{with .Module}}{{.GoMod}}\n{{end}}${files}{{end}}")
  execute_process(COMMAND "${stack_program}" list -deps -f "${format}" .
    WORKING_DIRECTORY "${source_folder}" OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "\\;" text "${text}")
  string(REGEX REPLACE "\n+" ";" found "${text}")
  list(REMOVE_ITEM found "")
  list(REMOVE_DUPLICATES found)
  set(${list_name} ${${list_name}} ${found} PARENT_SCOPE)
endfunction()

if("$ENV{CGO_ENABLED}" STREQUAL "")
  set(ENV{CGO_ENABLED} 0)
endif()
set(ENV{GOOS} linux)
set(ENV{GOARCH} amd64)
execute_process(COMMAND "${stack_program}" build -trimpath -buildvcs=false "-ldflags=-s -w" -o "${stack_place}.new" .
  WORKING_DIRECTORY "${source_folder}" RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result)
  fail("failed to build '${source_folder}' (go build: ${result})\n${output}")
endif()
# The same program again is no new one.
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${stack_place}.new" "${stack_place}" COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE "${stack_place}.new")
set(sources "")
note_sources(sources)
finish("${sources}")
