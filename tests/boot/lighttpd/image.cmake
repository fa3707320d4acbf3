# Adds images of lighttpd to lighttpd's own project, from outside: cmake -DCMAKE_PROJECT_lighttpd_INCLUDE=<this file>.
# CMake reads it right after project(lighttpd); its CMakeLists.txt is as its authors wrote it (docs/third-party.md).

find_package(VMImage REQUIRED)

foreach(base IN ITEMS minimal debian:bookworm)
  string(REGEX REPLACE ":.*" "" kind "${base}")
  vm_image(lighttpd-${kind}
    TARGET  lighttpd
    COMMAND lighttpd -D -f /etc/lighttpd/lighttpd.conf
    BASE    ${base}
    FILES   ${CMAKE_CURRENT_LIST_DIR}/lighttpd.conf /etc/lighttpd/lighttpd.conf
            ${CMAKE_CURRENT_LIST_DIR}/page          /srv/www
    PORTS   80
    HEALTH  http://:80/
    EXCLUDE_FROM_ALL)
  vm_add_boot_test(NAME lighttpd.${kind} IMAGE lighttpd-${kind} COMMAND ${CMAKE_CURRENT_LIST_DIR}/client.sh)
endforeach()
