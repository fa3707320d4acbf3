# Bad arguments: STEP is the name of <STEP>.cmake, which is wrong, and of the files that say how that is told.
set(SOURCE "${TEST_SOURCE}/project")
set(BUILD "${WORK}/build")
set(STAND_IN "${TEST_ROOT}/stand-in.sh")
configure("${STEP}" "-DCASE=${TEST_SOURCE}/${STEP}.cmake")
if(NOT ERROR MATCHES "/${STEP}\\.cmake:[0-9]+")
  fail("${STEP}: the message does not say where the call stands:\n${ERROR}")
endif()
