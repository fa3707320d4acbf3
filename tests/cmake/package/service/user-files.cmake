# Whoever has a properties file of their own, a per-generator configuration and properties of installed files.
set(CPACK_PROPERTIES_FILE "${CMAKE_CURRENT_SOURCE_DIR}/properties.cmake")
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_CURRENT_SOURCE_DIR}/per-generator.cmake")
