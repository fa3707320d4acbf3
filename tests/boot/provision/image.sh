#!/usr/bin/env bash
# image.sh <VMImage's build> <program>: a project whose service goes into its image as the .deb that CPack makes of it,
# with a script that sets it up. It boots and answers; what does not change is not done again.
. "$(dirname "$0")/../harness.sh"

build=$work/build images=$work/build
cp -r "$(dirname "$0")/project" "$work/project"
cmake --install "$1" --prefix "$work/prefix" >"$work/install.log"
cmake -S "$work/project" -B "$build" -G Ninja "-DHELLO=$2" "-DCMAKE_PREFIX_PATH=$work/prefix" \
  "-DVMIMAGE_EXECUTABLE=$VMIMAGE" >"$work/configure.log" 2>&1
rebuild() { cmake --build "$build" >"$work/build.log" 2>&1; }
rebuild
[ "$(jq -r '[.package_files[0].name, .provision[0].name] | join(" ")' "$images/orders-vm.json")" = 'orders.deb set-up.sh' ]
jq -e '.packages | map(.name) | contains(["orders", "libstdc++6"])' "$images/orders-vm.json" >"$work/jq.log"
jq -e '.files | map(.path) | (contains(["/etc/orders/environment", "/etc/passwd"])
  and (contains(["/etc/orders/environment.in"]) | not))' "$images/orders-vm.json" >"$work/jq.log"
ctest --test-dir "$build" --output-on-failure >"$work/ctest.log" 2>&1
grep -q '100% tests passed' "$work/ctest.log"

# What the script removed is gone, and nothing of how it was run is left.
run 0 ls -R "$images/orders-vm.qcow2:/"
says out '^etc/orders/environment$'
if grep -E '^etc/orders/environment.in$|^run/.|^tmp/.|policy-rc|bash-environment' "$work/out"; then fail 'traces are left'; fi

# By hand, where it can be seen what is run: nothing when nothing changed, and nothing for other settings.
recipe=$build/CMakeFiles/orders-vm.vmimage/recipe.json
run 0 build "$recipe" -o "$work/again"
if grep running "$work/err"; then fail 'something was run again'; fi
cmp "$work/again/orders-vm.qcow2" "$images/orders-vm.qcow2"
jq '.memory = "512M"' "$recipe" >"$(dirname "$recipe")/changed.json"
run 0 build "$(dirname "$recipe")/changed.json" -o "$work/again"
if grep running "$work/err"; then fail 'something was run again for other settings'; fi

# A changed script is run, the package is not installed again; and the graph of the build knows both.
rebuild
grep -q 'no work to do' "$work/build.log"
echo 'echo changed >/etc/orders/changed' >>"$work/project/set-up.sh"
rebuild
run 0 cat "$images/orders-vm.qcow2" /etc/orders/changed
says out '^changed$'
run 0 build "$recipe" -o "$work/again"
echo '# and more' >>"$work/project/set-up.sh"
run 0 build "$recipe" -o "$work/again"
says err 'running set-up.sh'
if grep 'running the installation' "$work/err"; then fail 'the package was installed again'; fi
echo '# changed' >>"$work/project/orders.service"
rebuild
run 0 cat "$images/orders-vm.qcow2" /lib/systemd/system/orders.service
says out '^# changed$'
