#!/bin/sh
# Counts its starts on the volume, and is the service of examples/hello from then on.
set -eu
starts=$(cat /srv/data/starts 2>/dev/null || echo 0)
echo $((starts + 1)) >/srv/data/starts
echo "start $((starts + 1)), with: $(cat /srv/data/seed), on: $(sed -n 's,^[^ ]* /srv/data \([^ ]*\) .*,\1,p' /proc/mounts)"
exec /usr/bin/hello
