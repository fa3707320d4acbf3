# A wheel, which is a zip file: one module, and a program that starts it.
file(WRITE "${WORK}/wheel/greeting.py" "TEXT = 'hello'\n\n\ndef main():\n    print(TEXT)\n")
file(WRITE "${WORK}/wheel/greeting-1.0.dist-info/METADATA" "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
file(WRITE "${WORK}/wheel/greeting-1.0.dist-info/WHEEL" "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
file(WRITE "${WORK}/wheel/greeting-1.0.dist-info/entry_points.txt" "[console_scripts]\ngreet = greeting:main\n")
file(WRITE "${WORK}/wheel/greeting-1.0.dist-info/RECORD" "greeting.py,,\ngreeting-1.0.dist-info/METADATA,,\n"
  "greeting-1.0.dist-info/WHEEL,,\ngreeting-1.0.dist-info/entry_points.txt,,\ngreeting-1.0.dist-info/RECORD,,\n")
file(MAKE_DIRECTORY "${SOURCE}/wheels")
execute_process(COMMAND "${CMAKE_COMMAND}" -E tar cf "${SOURCE}/wheels/greeting-1.0-py3-none-any.whl" --format=zip
    greeting.py greeting-1.0.dist-info
  WORKING_DIRECTORY "${WORK}/wheel" COMMAND_ERROR_IS_FATAL ANY)

set(STACK "${BUILD}/CMakeFiles/service-vm.vmimage/stack")
expect_image("first build" service-vm 1)
expect_recipe(service-vm service-vm service)
expect_recipe(service-vm /usr/share/service-vm/venv/bin/python3 command 0)
expect_recipe(service-vm . command 1)
expect_recipe(service-vm /usr/share/service-vm/app working_directory)
expect_recipe(service-vm python3 packages 0)
expect_recipe(service-vm 1 environment PYTHONUNBUFFERED)
file(GLOB found RELATIVE "${STACK}" "${STACK}/venv/bin/*" "${STACK}/venv/lib/python3.11/site-packages/*.py" "${STACK}/app/*.py")
expect_same("sources and environment" "${found}"
  "app/__main__.py;venv/bin/greet;venv/bin/python3;venv/lib/python3.11/site-packages/greeting.py")
file(STRINGS "${STACK}/venv/bin/greet" first LIMIT_COUNT 1)
expect_same("what the program is started by" "${first}" "#!/usr/share/service-vm/venv/bin/python3")
file(READ_SYMLINK "${STACK}/venv/bin/python3" target)
expect_same("the environment's Python" "${target}" /usr/bin/python3)

expect_image("nothing changed" service-vm 0)
touch(service/__main__.py)
expect_image("a source touched" service-vm 1)
write_later("${SOURCE}/service/more.py" "MORE = 1\n")
expect_image("a source added" service-vm 1)
file(REMOVE "${SOURCE}/wheels/greeting-1.0-py3-none-any.whl")
edit("${SOURCE}/service/__main__.py" greeting.TEXT "greeting.TEXT + '!'")
expect_image("a source changed, the requirements as they were" service-vm 1)
expect_image("nothing changed since" service-vm 0)

expect_failure("a requirement that is not there" "CMakeLists.txt:[0-9]+.*no-such-package" lacking-vm)
