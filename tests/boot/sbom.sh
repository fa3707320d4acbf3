#!/usr/bin/env bash
# The bill of materials of real images: it follows from the image alone, in any format, and names what is in it.
. "$(dirname "$0")/harness.sh"

use_image hello-debian
command -v jq >/dev/null || { rm -rf "$work"; echo "skipped: no jq"; exit 77; }

run 0 inspect "$image" --spdx
cp "$work/out" "$work/spdx.json"
run 0 convert "$image" --to vmdk -o "$work/image.vmdk"
run 0 inspect "$work/image.vmdk" --spdx
cmp "$work/out" "$work/spdx.json"
run 0 inspect "${image%.qcow2}.json" --spdx
cmp "$work/out" "$work/spdx.json"

# Every package of dpkg and of the boot kit is there, most of them with licences.
jq -e '.spdxVersion == "SPDX-2.3" and .packages[0].name == "hello-debian"' "$work/spdx.json" >/dev/null
run 0 cat "$image" /var/lib/dpkg/status
sed -n 's/^Package: //p' "$work/out" | sort >"$work/installed"
jq -r '.packages[].name' "$work/spdx.json" | sort >"$work/told"
[ -z "$(comm -23 "$work/installed" "$work/told")" ] || fail "packages are missing: $(comm -23 "$work/installed" "$work/told")"
license_of() { jq -r --arg name "$1" '.packages[] | select(.name == $name) | .licenseDeclared' "$work/spdx.json"; }
[ "$(license_of hostname)" = GPL-2.0-only ] || fail "hostname has the licence $(license_of hostname)"
[[ $(license_of systemd) == *LGPL-2.1-or-later* ]] || fail "systemd has the licence $(license_of systemd)"
[[ $(license_of "$(grep -m 1 ^linux-image "$work/told")") == *GPL-2.0-only* ]] || fail "the kernel has another licence"
known=$(jq '[.packages[2:][] | select(.licenseDeclared != "NOASSERTION")] | length' "$work/spdx.json")
all=$(jq '.packages[2:] | length' "$work/spdx.json")
((known * 4 > all * 3)) || fail "only $known of $all packages have a licence"

# Each licence that SPDX does not list is explained once.
jq -r '.packages[].licenseDeclared' "$work/spdx.json" | grep -o 'LicenseRef-[A-Za-z0-9.-]*' | sort -u >"$work/used"
jq -r '.hasExtractedLicensingInfos[].licenseId' "$work/spdx.json" | sort >"$work/explained"
cmp "$work/used" "$work/explained"

# The service's file, by digests that others make.
run 0 cat "$image" /usr/bin/hello
jq -e --arg sha1 "$(sha1sum <"$work/out" | cut -d' ' -f1)" --arg sha256 "$(sha256sum <"$work/out" | cut -d' ' -f1)" \
  '.files[] | select(.fileName == "./usr/bin/hello") | [.checksums[].checksumValue] == [$sha1, $sha256]' \
  "$work/spdx.json" >/dev/null || fail "the digests of the service are others"

run 2 inspect "$image" --spdx --json
says err 'excludes'
