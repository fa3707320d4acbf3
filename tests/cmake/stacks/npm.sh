#!/bin/sh
# Stands in for npm ci: "installs" what package.json names, and says in npm.log that it was called.
set -eu
[ "$1 $2" = "ci --omit=dev" ] || { echo "stand-in: unexpected: $*" >&2; exit 1; }
if grep -q '"scripts"' package.json; then echo "stand-in: the package's own scripts are there" >&2; exit 1; fi
if grep -q '"no-such-package"' package.json; then echo "npm ERR! 404 'no-such-package' is not in this registry" >&2; exit 1; fi
mkdir -p node_modules/greeting
echo "exports.text = 'hello';" >node_modules/greeting/index.js
echo called >>"$VMIMAGE_STAND_IN_LOG.npm"
