set_property(INSTALL "bin/service" PROPERTY CPACK_START_MENU_SHORTCUTS "Service")
