# shellcheck shell=bash
# What the tests of the stacks share: a project in a folder of its own, built against an installed VMImage and booted
# by its own test. VMIMAGE_BUILD in the environment is VMImage's build.
. "$(dirname "${BASH_SOURCE[0]}")/../boot/harness.sh"

project=$work/project build=$work/build

skip() {
  echo "skipped: $*" >&2
  exit 77
}

needs() {  # <program>...
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || skip "there is no $program"
  done
}

use_project() {  # <folder>, from the top of the sources
  cp -r "$(dirname "${BASH_SOURCE[0]}")/../../$1" "$project"
  # Whatever else this machine does meanwhile.
  sed -i 's/^\(vm_add_boot_test(.* IMAGE [a-z-]*\)$/\1 TIMEOUT 600/' "$project/CMakeLists.txt"
  cmake --install "$VMIMAGE_BUILD/cmake" --prefix "$work/prefix" >"$work/install.log"
  mkdir "$work/prefix/bin"
  ln -s "$VMIMAGE" "$work/prefix/bin/vmimage"
}

configure() {
  cmake -S "$project" -B "$build" -G Ninja "-DCMAKE_PREFIX_PATH=$work/prefix" \
    >"$work/configure.log" 2>&1
}

rebuild() { cmake --build "$build" >"$work/build.log" 2>&1; }

# The image's own boot test; nothing is done for an image that is as it was.
boots() {
  rebuild
  grep -q 'no work to do' "$work/build.log" || fail 'something is built again'
  ctest --test-dir "$build" --no-tests=error --output-on-failure --verbose >"$work/ctest.log" 2>&1
}

# refused <regex>: the build fails and says so, and there is no image.
refused() {
  local status=0
  rebuild || status=$?
  [ "$status" != 0 ] || fail "it is built, and should be refused: $1"
  grep -Eq -- "$1" "$work/build.log" || fail "the build does not say '$1'"
}
