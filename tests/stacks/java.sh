#!/usr/bin/env bash
# A JAR of our own: examples/java. And JARs that would not start.
. "$(dirname "$0")/common.sh"
needs javac jar curl jq
javac --release 17 --version >/dev/null 2>&1 || skip 'javac does not compile for Java 17'

use_project examples/java
configure
rebuild
manifest=$build/restaurants-vm.json
jq -e '.packages | map(.name) | contains(["openjdk-17-jre-headless"])' "$manifest" >"$work/jq.log"
[ "$(jq -r '.command | last' "$manifest")" = /usr/share/restaurants-vm/restaurants.jar ]
boots
# 71 % of 512 MiB, of which the guest's kernel has taken some.
heap=$(grep -o '"heap": [0-9]*' "$work/ctest.log" | head -1)
if [ "${heap#*: }" -le 300 ] || [ "${heap#*: }" -ge 364 ]; then fail "the heap is $heap"; fi

# On the small base, with a runtime that this machine's JDK makes of the modules that the JAR needs.
sed -i 's/ JAR restaurants / BASE minimal&/' "$project/CMakeLists.txt"
rebuild
jq -e '.base == "minimal" and .command[0] == "/usr/lib/java/bin/java" and (.packages | map(.name | test("jre")) | any | not)
  and (.files | map(.path) | index("/usr/lib/java/lib/modules") and
    (map(test("checksums|libawt_xawt")) | any | not))' "$manifest" >"$work/jq.log"
size=$(stat --format=%s "$build/restaurants-vm.qcow2")
[ "$size" -lt $((128 << 20)) ] || fail "the image has $size bytes"
boots

# By hand.
recipe() {  # <jar> [<more>]
  printf '{"version": 1, "name": "bad", "jar": "%s"%s}\n' "$1" "${2:-}" >"$work/bad.json"
}
refused_jar() {  # <regex> <hint>
  run 2 build "$work/bad.json" -o "$work/images"
  says err "$1"
  says err "$2"
  [ ! -e "$work/images" ] || fail 'there is an image'
}
cd "$work"
mkdir classes
javac --release 11 -d classes "$project/Restaurants.java"
jar --create --file none.jar -C classes .
recipe none.jar
refused_jar "none.jar' as the service: its manifest has no Main-Class" 'jar --create --main-class'
jar --create --file lacking.jar --main-class com.example.Main -C classes .
recipe lacking.jar
refused_jar "its main class 'com.example.Main' is not in it" 'Main-Class'
# The same class, as one of Java 21 says it: bytes 6 and 7 are its release.
jar --create --file newer.jar --main-class Restaurants -C classes .
printf '\0\101' | dd of=classes/Restaurants.class bs=1 seek=6 conv=notrunc 2>"$work/dd.log"
jar --update --file newer.jar -C classes .
recipe newer.jar
refused_jar "'Restaurants' is compiled for Java 21, and the base debian:bookworm has Java 17" '--release 17'
recipe newer.jar ', "base": "minimal"'
refused_jar "is compiled for Java 21, and '[^']*/jlink', which makes the runtime, is of Java 17" 'a JDK of Java 21'
recipe lib-only.jar ', "base": "minimal", "java_options": ["--add-modules", "no.such.module"]'
cp "$build/restaurants.jar" lib-only.jar
run 1 build "$work/bad.json" -o "$work/images"
says err 'no.such.module'
echo 'no archive' >text.jar
recipe text.jar
refused_jar 'text.jar.*it is no JAR' 'name the JAR'
head -c 300 newer.jar >cut.jar
recipe cut.jar
refused_jar 'cut.jar.*it is no JAR' 'name the JAR'
recipe absent.jar
refused_jar 'absent.jar.*no such file' 'build the JAR first'

# A main class that is in a JAR beside it comes along, and what is not there is passed over.
mkdir lib
mv newer.jar lib/main.jar
javac --release 11 -d classes "$project/Restaurants.java"
jar --update --file lib/main.jar -C classes .
printf 'Class-Path: lib/main.jar lib/absent.jar ../text.jar\n' >path.txt
jar --create --file thin.jar --manifest path.txt --main-class Restaurants path.txt
recipe thin.jar ', "java_options": ["-Xmx64m"], "service": "thin"'
run 0 build "$work/bad.json" -o "$work/images"
jq -e '(.files | map(.path)) as $paths | ($paths | contains(["/usr/share/thin/thin.jar", "/usr/share/thin/lib/main.jar"]))
  and ($paths | map(test("absent|text")) | any | not) and (.command | index("-Xmx64m")) < (.command | index("-jar"))' \
  "$work/images/bad.json" >"$work/jq.log"
