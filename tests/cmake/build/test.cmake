# From vm_image() to the build: what goes into an image, and when it is built again.

# expect_build(<when> [<image>...]): a build calls vmimage for these images, in this order.
macro(expect_build when)
  build("build")
  set(patterns "")
  foreach(image IN ITEMS ${ARGN})
    list(APPEND patterns "^build .* --stem ${image} --quiet$")
  endforeach()
  expect_calls("${when}" ${patterns})
endmacro()

set(OF_DAEMON /usr/bin/service /usr/lib/libgreeting.so "/etc/service/my service.conf"
  "/usr/share/service/pages/page one.html")

use_project(service)
configure(configure)

# What goes in.
expect_build("first build" service-vm)
expect_contents("component of the target" service-vm ${OF_DAEMON})
expect_recipe(service-vm /usr/bin/service command 0)
expect_files("files beside the program" "${OUT}*-vm.*" "${OUT}service-vm.json" "${OUT}service-vm.qcow2")
expect_files("the install manifest is the user's" "install_manifest*")

build("build-tools" --target tools-vm)
expect_calls("named components" "^build .* --stem tools-vm --quiet$")
expect_contents("named components" tools-vm ${OF_DAEMON} /usr/bin/admin /etc/issue)
expect_files("formats" "${OUT}tools-vm.*" "${OUT}tools-vm.json" "${OUT}tools-vm.qcow2" "${OUT}tools-vm.raw")

build("build-script" --target script-vm)
expect_calls("everything" "^build .* --stem script-vm --quiet$")
expect_contents("everything" script-vm ${OF_DAEMON} /usr/bin/admin /usr/share/doc/service/guide.txt)
expect_recipe(script-vm sh command 0)
expect_recipe(script-vm "exec service" command 2)

build("build-early" --target early-vm)
expect_calls("in a subfolder" "^build .* -o ${BUILD}/images(/Debug)? --stem early-vm --quiet$")
expect_files("in a subfolder" "images/${OUT}early-vm.*" "images/${OUT}early-vm.json" "images/${OUT}early-vm.qcow2")

# Its boot test: found from the top of the build; the client is a target of this build.
run(ctest "${CMAKE_CTEST_COMMAND}" -C Debug --output-on-failure)
expect_calls("ctest" "^boot ${BUILD}/images/${OUT}early-vm.qcow2 --check --count 1 --timeout [0-9]+ --serial-log [^ ].* -- .*/${OUT}aside --flag service$")

# The property; where there are several configurations, its value has a generator expression.
build("print-image" --target print-image)
if(OUT STREQUAL "" AND NOT OUTPUT MATCHES "plain: ${BUILD}/service-vm.qcow2\n")
  fail("VM_IMAGE is not the path of the image:\n${OUTPUT}")
endif()
if(NOT OUTPUT MATCHES "evaluated: ${BUILD}/${OUT}service-vm.qcow2\n")
  fail("VM_IMAGE evaluated is not the path of the image:\n${OUTPUT}")
endif()

# When it is built again: for what went in, and for nothing else.
expect_build("nothing changed")
expect_build("still nothing changed")
touch("main.c")
expect_build("a source touched" service-vm)
edit("${SOURCE}/greeting.c" "hello" "good day")
expect_build("the source of a library changed" service-vm)
edit("${SOURCE}/my service.conf" "8080" "8081")
expect_build("an installed file changed" service-vm)
edit("${SOURCE}/pages/page one.html" "one" "two")
expect_build("a file of an installed folder changed" service-vm)
write_later("${SOURCE}/pages/three.html" "<p>three</p>\n")
expect_build("a file added to an installed folder" service-vm)
expect_contents("a file added to an installed folder" service-vm ${OF_DAEMON} /usr/share/service/pages/three.html)
file(REMOVE "${SOURCE}/pages/three.html")
expect_build("a file removed from an installed folder" service-vm)
expect_contents("a file removed from an installed folder" service-vm ${OF_DAEMON})
touch("pages/two.draft" aside.c admin.c guide.txt overlay/etc/issue plain.txt made.in)
expect_build("only what is in no component of the image touched")
expect_build("nothing changed since")

# The other image has those.
build("build-tools" --target tools-vm)
expect_calls("components, overlay and files changed" "^build .* --stem tools-vm --quiet$")
build("build-tools" --target tools-vm)
expect_calls("nothing changed in the second image")
foreach(file IN ITEMS admin.c overlay/etc/issue plain.txt made.in vm.lock.json)
  touch("${file}")
  build("build-tools" --target tools-vm)
  expect_calls("${file} touched" "^build .* --stem tools-vm --quiet$")
endforeach()
write_later("${SOURCE}/overlay/etc/motd" "hello\n")
build("build-tools" --target tools-vm)
expect_calls("a file added to the overlay" "^build .* --stem tools-vm --quiet$")

# Configuring again is no reason; another recipe, another vmimage and a lost image are.
configure(configure)
expect_build("configured again")
edit("${SOURCE}/CMakeLists.txt" "PORTS 8080 HEALTH" "PORTS 8080 CPUS 2 HEALTH")
expect_build("an argument changed" service-vm)
expect_recipe(service-vm 2 cpus)
edit("${SOURCE}/CMakeLists.txt" "DESTINATION /etc/service" "DESTINATION /etc/services")
expect_build("an install rule changed" service-vm)
file(REMOVE "${BUILD}/${OUT}service-vm.qcow2")
expect_build("the image removed" service-vm)
execute_process(COMMAND "${CMAKE_COMMAND}" -E sleep 1.1)
file(TOUCH "${STAND_IN}")
expect_build("a new vmimage" service-vm)
expect_build("nothing changed in the end")

build("clean" --target clean)
expect_files("cleaned" "${OUT}service-vm.*")
expect_build("cleaned" service-vm)
expect_build("nothing changed since")

# The other configuration has images of its own.
if(NOT OUT STREQUAL "")
  build("build-release" --config Release)
  expect_calls("another configuration" "^build .*/Release/recipe.json -o .*/Release --stem service-vm --quiet$")
  expect_files("both configurations" "*/service-vm.qcow2" "Debug/service-vm.qcow2" "Release/service-vm.qcow2")
  build("build-release" --config Release)
  expect_build("nothing changed in either configuration")
endif()
