#!/bin/sh
# Runs tests of the CMake side on the CMake of the next Debian release, in a folder with little more than that.
#   on-trixie.sh prepare ROOT          makes ROOT, from the mirror that this machine's apt uses
#   on-trixie.sh run ROOT ARGUMENT...  runs cmake with these arguments in it; /src is this source tree there
# Exits with 77, which ctest reports as skipped, when such a folder cannot be had or used here.
set -eu

action=$1
root=$2
shift 2
tests=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "skipped: $*" >&2
  exit 77
}

# Programs run in the folder as its root user, which is nobody special outside of it.
inside() {
  if [ "$(id -u)" -eq 0 ]; then
    chroot "$root" "$@"
  else
    unshare --user --map-root-user chroot "$root" "$@"
  fi
}

mirror() {
  # shellcheck disable=SC2016  # these are names for apt-get to replace
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' |
    awk '$2 !~ /-/ { print $1; exit }'
}

prepare() {
  if [ ! -e "$root/complete" ]; then
    command -v mmdebstrap >/dev/null || skip "mmdebstrap is not installed"
    uri=$(mirror)
    [ -n "$uri" ] || skip "apt names no Debian mirror"
    rm -rf "$root"
    mkdir -p "$root"
    # Unpacked, not configured: cmake and the compiler run as they are.
    mmdebstrap --quiet --variant=extract --skip=check/empty \
      --include=base-files,coreutils,dash,findutils,grep,sed,tar,cmake,gcc,libc6-dev,make,ninja-build \
      trixie "$root.tar" "$uri" || skip "mmdebstrap could not make a trixie from $uri"
    tar -x -f "$root.tar" -C "$root" --no-same-owner --exclude='./dev/*'
    rm "$root.tar"
    mkdir -p "$root/dev" "$root/tmp"
    cp -a /dev/null "$root/dev/" 2>/dev/null || touch "$root/dev/null"
    touch "$root/complete"
  fi
  rm -rf "$root/src"
  mkdir -p "$root/src/tests"
  cp -R "$tests/../../cmake" "$root/src/"
  cp -R "$tests" "$root/src/tests/"
  inside cmake --version || skip "programs cannot be run in $root"
}

case $action in
  prepare) prepare ;;
  run)
    [ -e "$root/complete" ] || skip "there is no $root"
    inside true || skip "programs cannot be run in $root"
    inside /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp cmake "$@"
    ;;
esac
