#!/usr/bin/env bash
# A JAR that nobody here built: WireMock, a web server with all its libraries in one file, from the npm registry that
# this machine's npm knows.
. "$(dirname "$0")/common.sh"
needs npm

use_project tests/stacks/wiremock
cd "$work"
npm pack wiremock@3.13.2 >"$work/npm.log" 2>&1 || skip 'the npm registry does not have it'
tar --extract --gzip --file wiremock-*.tgz --wildcards '*/wiremock-standalone-*.jar' --transform 's,.*/,,'
mv wiremock-standalone-*.jar "$project/wiremock.jar"
configure
rebuild
boots
