# Publishes an image with FORMATS ami: cmake -DIMAGE=<work>/image.cmake -DFOLDER=<folder> -DSTEM=<stem>
# -P VMImagePublish.cmake, called by the rule that vm_image() made (VMImageRules.cmake) and, through its function, by
# cpack -G VMIMAGE (VMImagePackage.cmake). Writes <folder>/<stem>.ami.json, what 'vmimage publish --json' says.

# Of the image that is described by the variables of image.cmake.
function(_vm_publish_ami folder stem)
  # The revision is asked for now and is no part of the image: a commit that changes nothing in it builds nothing.
  set(revision "")
  execute_process(COMMAND git -C "${vm_source}" describe --always --dirty --abbrev=40 "--exclude=*"
    RESULT_VARIABLE result OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(result)
    set(revision "")
  endif()
  execute_process(
    COMMAND "${vm_program}" publish "${folder}/${stem}.qcow2" --to aws --region "${vm_ami_region}"
            --revision "${revision}" --json ${vm_ami_options}
    RESULT_VARIABLE result OUTPUT_VARIABLE said)
  if(result)
    message(FATAL_ERROR "vmimage failed to publish '${stem}.qcow2' (${result}): what it lacks is said above. "
      "Without VMIMAGE_AWS_REGION the image is built and not published.")
  endif()
  file(WRITE "${folder}/${stem}.ami.json.new" "${said}")
  file(RENAME "${folder}/${stem}.ami.json.new" "${folder}/${stem}.ami.json")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cmake_minimum_required(VERSION 3.25...3.31)
  include("${IMAGE}")
  _vm_publish_ami("${FOLDER}" "${STEM}")
endif()
