#!/bin/sh
# Runs tests of the CMake side on the CMake of the next Debian release, in a folder with little more than that.
#   on-trixie.sh prepare ROOT          makes ROOT
#   on-trixie.sh run ROOT ARGUMENT...  runs cmake with these arguments in it; /src is this source tree there
set -eu

action=$1
root=$2
shift 2
tests=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../trixie.sh
. "$tests/../trixie.sh"

case $action in
  prepare)
    make_root findutils,grep,sed,tar,cmake,gcc,libc6-dev,make,ninja-build
    rm -rf "$root/src"
    mkdir -p "$root/src/tests"
    cp -R "$tests/../../cmake" "$root/src/"
    cp -R "$tests" "$root/src/tests/"
    inside cmake --version
    ;;
  run)
    check_root
    inside cmake "$@"
    ;;
esac
