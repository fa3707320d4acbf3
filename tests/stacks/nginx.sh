#!/usr/bin/env bash
# A service of packages only, with a configuration file: examples/nginx.
. "$(dirname "$0")/common.sh"
needs curl jq

use_project examples/nginx
configure
rebuild
jq -e '(.packages | map(.name) | contains(["nginx-light"])) and (.files | map(.path) | contains(["/srv/page/index.html"]))' \
  "$build/static-vm.json" >"$work/jq.log"
boots
