#!/usr/bin/env bash
# A service in Node.js with what it needs from npm: examples/node. And what would not run.
. "$(dirname "$0")/common.sh"
needs npm gcc curl jq

use_project examples/node
npm view express version >"$work/npm.log" 2>&1 || skip 'there is no npm registry'
configure
rebuild
jq -e '.files | map(.path) | contains(["/usr/share/gateway/server.js", "/usr/share/gateway/node_modules/express/index.js"])' \
  "$build/gateway-vm.json" >"$work/jq.log"
boots

# A native module for another C library: one that needs musl's, whatever is in it.
modules=$build/CMakeFiles/gateway-vm.vmimage/stack/npm/node_modules
echo 'int nothing;' >"$work/library.c"
gcc -shared -o "$work/libc.musl-x86_64.so.1" -Wl,-soname,libc.musl-x86_64.so.1 "$work/library.c"
mkdir -p "$modules/native"
gcc -shared -nostdlib -o "$modules/native/module.node" "$work/library.c" -Wl,--no-as-needed "$work/libc.musl-x86_64.so.1"
echo '// changed' >>"$project/server.js"
refused "/usr/share/gateway/node_modules/native/module.node': it is built for another C library, musl"
# Beside one that fits it is taken, when its name says what it is for.
mkdir "$modules/native/linux-x64-musl"
mv "$modules/native/module.node" "$modules/native/linux-x64-musl/module.node"
echo '// changed' >>"$project/server.js"
rebuild
