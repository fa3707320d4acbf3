set(CPACK_PACKAGE_FILE_NAME "from-properties")
