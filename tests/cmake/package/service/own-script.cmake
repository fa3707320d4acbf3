file(WRITE "${CPACK_PACKAGE_DIRECTORY}/own-script-was-here" "${CPACK_GENERATOR}")
