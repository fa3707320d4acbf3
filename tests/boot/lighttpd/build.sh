#!/bin/sh
# Builds lighttpd with images added from outside, as docs/third-party.md says: build.sh VMIMAGE_BUILD FOLDER
# Exits with 77 when lighttpd's sources or the libraries that it needs cannot be had.
set -eu
vmimage_build=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)

"$here/fetch.sh" "$folder/lighttpd" || exit "$?"
pkg-config --exists libpcre2-8 zlib || { echo "skipped: libpcre2-dev or zlib1g-dev is missing" >&2; exit 77; }

cmake --install "$vmimage_build" --prefix "$folder/prefix" >/dev/null
cmake -S "$folder/lighttpd/source" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
  "-DCMAKE_PREFIX_PATH=$folder/prefix" "-DCMAKE_PROJECT_lighttpd_INCLUDE=$here/image.cmake" >"$folder/configure.log" ||
  { cat "$folder/configure.log"; exit 1; }
cmake --build "$folder/build" --target lighttpd-minimal lighttpd-debian
