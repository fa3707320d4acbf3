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
mkdir "$modules/native/linux-x64-musl"
mv "$modules/native/module.node" "$modules/native/linux-x64-musl/module.node"
echo '// changed' >>"$project/server.js"
refused "/native/linux-x64-musl/module.node': it is built for another C library, musl"
rm -r "$modules/native/linux-x64-musl"

# For another Node.js: the image has that of Debian, which takes modules of version 108. For another processor.
module() {  # module <file> <version of modules>: says so as NODE_MODULE_INIT() does
  echo "void node_register_module_v$2(void) {}" >"$work/module.c"
  gcc -shared -fPIC -o "$1" "$work/module.c"
}
module "$modules/native/module.node" 115
echo '// changed' >>"$project/server.js"
refused "/native/module.node': it is built for Node.js 20 \(module version 115\), and the image has Node.js 18 \(module version 108\)"
grep -q 'run npm with the Node.js of the image' "$work/build.log"
module "$modules/native/module.node" 108
printf '\267' | dd of="$modules/native/module.node" bs=1 seek=18 conv=notrunc 2>"$work/dd.log" # e_machine: AArch64
echo '// changed' >>"$project/server.js"
refused "/native/module.node': it is built for another machine than x86-64"
# Beside one that fits they are taken: who loads them knows which.
mkdir "$modules/native/linux-arm64"
mv "$modules/native/module.node" "$modules/native/linux-arm64/module.node"
module "$modules/native/module.node" 108
echo '// changed' >>"$project/server.js"
rebuild
