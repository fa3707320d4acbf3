#!/usr/bin/env bash
# A changed service on Debian costs the blocks that its file fills, and at most 4 more.
#   change.sh <vmimage> <folder of the image service-debian and its recipe>
shared=${VMIMAGE_CACHE-}
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
recipe=$2/service-debian.recipe.json
start_double

# The same service, with another byte in each page.
python3 - "$(jq -r '.files[0].source' "$recipe")" "$work/service" <<'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
for at in range(4096, len(data), 4096):
    data[at] ^= 1
open(sys.argv[2], "wb").write(data)
PYTHON
chmod +x "$work/service"
jq --arg service "$work/service" '.files[0].source = $service' "$recipe" >"$work/recipe.json"
VMIMAGE_CACHE=$shared "$program" build "$work/recipe.json" -o "$work/new" --quiet >/dev/null

written() { state '[.snapshots[].written | length] | last'; }
run 0 publish "$2/service-debian.qcow2" --to aws
whole=$(written)
run 0 publish "$work/new/service-debian.qcow2" --to aws
changed=$(written)
filled=$((($(stat -c %s "$work/service") + 524287) / 524288))
((changed >= 1 && changed <= filled + 4)) || fail "$changed blocks were sent for a file that fills $filled"
say "first $whole blocks, then $changed for a changed file that fills $filled"
