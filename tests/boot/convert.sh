#!/usr/bin/env bash
# vmimage convert with a real image: all formats at once, what it prints, what it refuses, a full disk, Ctrl-C.
. "$(dirname "$0")/harness.sh"

use_image hello-minimal
formats=qcow2,qcow2-zstd,raw,vmdk,ova,vdi,vhd,vhdx,gce,raw.gz
mkdir "$work/all" "$work/again" "$work/bad"
cp "$image" "$work/all/a.b.qcow2"
nothing_written() { [ -z "$(ls -A "$work/bad")" ] || fail "files are there: $(ls -A "$work/bad")"; }

# All of them beside the image, and each of them is the image again, also without its name.
run 0 convert "$work/all/a.b.qcow2" --to "${formats#qcow2,}" --json
says out '"version": 1'
[ "$(jq -r '.files[].path' "$work/out")" = "$(printf "$work/all/a.b%s\n" .zstd.qcow2 .raw .vmdk .ova .vdi .vhd .vhdx \
  .gce.tar.gz .raw.gz)" ] || fail "other paths are printed"
jq -r '.files[] | "\(.size) \(.path)"' "$work/out" | while read -r size path; do
  [ "$size" = "$(stat -c %s "$path")" ] || fail "the size of $path is another"
done
says err '^vmimage: format gce'
for file in "$work"/all/*; do
  mv "$file" "$work/image"
  run 0 inspect "$work/image" --json
  [ "$(jq -r .name "$work/out")" = hello-minimal ] || fail "$file is not read"
  mv "$work/image" "$file"
done

# Drivers of the clouds that these are for: Hyper-V's disks in the initrd, with what they need, before it; and cards.
grep -aq 'scsi_common scsi_mod hv_vmbus scsi_transport_fc hv_storvsc$' "$work/all/a.b.raw" || fail "no disk driver for Azure"
run 0 ls "$image:/usr/lib/vmimage/cards"
for card in hv_netvsc gve; do says out "$card\.ko"; done

# The same bytes again, from another format.
run 0 convert "$work/all/a.b.ova" --to raw --to gce,raw.gz,vmdk,ova --output "$work/again" --quiet
[ ! -s "$work/err" ] || fail "--quiet says something"
for file in "$work"/again/*; do
  cmp "$file" "$work/all/${file##*/}"
done

# The machine of an OVA, from the image and from the command line.
hardware() { tar --extract --to-stdout -f "$1" hello-minimal.ovf | grep -oE 'VirtualQuantity>[0-9]+|>(VirtualSCSI|AHCI|VmxNet3|E1000)<' | tr -d '\n'; }
[ "$(hardware "$work/all/a.b.ova")" = 'VirtualQuantity>1VirtualQuantity>128>VirtualSCSI<>VmxNet3<' ] ||
  fail "the OVA has another machine: $(hardware "$work/all/a.b.ova")"
run 0 convert "$image" --to ova --cpus 3 --memory 1.5G -o "$work/large.ova"
[ "$(hardware "$work/large.ova")" = 'VirtualQuantity>3VirtualQuantity>1536>VirtualSCSI<>VmxNet3<' ] ||
  fail "the OVA has another machine: $(hardware "$work/large.ova")"

# What else is printed for programs.
run 0 base list --json
[ "$(jq -r '.version, .bases[2].name' "$work/out" | xargs)" = '1 minimal' ] || fail "base list --json has another shape"
run 0 cache info --json
jq -e '.version == 1 and .size >= 0 and (.folder | startswith("/")) and all(.entries[]; .kind and .key and .last_used)' \
  "$work/out" >/dev/null || fail "cache info --json has another shape"
run 0 build "${image%.qcow2}.recipe.json" -o "$work/built" --json
jq -e '.version == 1 and .name == "hello-minimal" and (.digest | startswith("sha256:")) and .files[0].size > 0 and
  (.manifest | endswith("/hello-minimal.json"))' "$work/out" >/dev/null || fail "build --json has another shape"

# A disk of somebody else's: taken as it is; its machine is one that any kernel runs on.
truncate -s 2M "$work/foreign's <disk>.img"
echo ',,L' | sfdisk --quiet "$work/foreign's <disk>.img"
run 0 convert "$work/foreign's <disk>.img" --to ova -o "$work/foreign.ova"
tar --extract --to-stdout -f "$work/foreign.ova" --wildcards '*.ovf' | grep -q '>AHCI<'

# Wrong use and bad input: exit status 2, one line, and nothing is written.
refused() { # <regex> <argument>...
  run 2 convert "${@:2}"
  says err "$1"
  nothing_written
}
refused "unknown format 'vmdx'" "$image" --to vmdx -o "$work/bad/x"
refused "has 'raw' twice" "$image" --to raw,raw -o "$work/bad"
refused 'is no folder, and several formats' "$image" --to raw,vdi -o "$work/bad/x"
refused 'is the image itself' "$image" --to qcow2
refused 'no such file' "$work/absent" --to raw -o "$work/bad/x"
refused 'it is a folder' "$work" --to raw -o "$work/bad/x"
: >"$work/empty"
refused 'it is empty' "$work/empty" --to raw -o "$work/bad/x"
refused 'is no disk image' "$0" --to raw -o "$work/bad/x"
head -c 9000000 "$work/all/a.b.ova" >"$work/cut"
refused 'failed to read .*Truncated' "$work/cut" --to raw -o "$work/bad/x"
head -c 9000000 "$work/all/a.b.gce.tar.gz" >"$work/cut"
refused 'failed to read .*truncated' "$work/cut" --to raw -o "$work/bad/x"
head -c 9000000 "$image" >"$work/cut"
refused 'is damaged|is no disk image' "$work/cut" --to raw -o "$work/bad/x"
tar --create --gzip -f "$work/cut" -C "$work" empty
refused 'with no disk in it' "$work/cut" --to raw -o "$work/bad/x"
tar --extract -f "$work/all/a.b.ova" -C "$work"
sed -i 's/= [0-9a-f]\{8\}/= 00000000/' "$work/hello-minimal.mf"
tar --create -f "$work/cut" -C "$work" hello-minimal.ovf hello-minimal.mf hello-minimal-disk1.vmdk
refused 'does not have the SHA256 digest' "$work/cut" --to raw -o "$work/bad/x"
tar --create -f "$work/cut" -C "$work" hello-minimal.ovf hello-minimal.mf
refused "names the disk 'hello-minimal-disk1.vmdk', which is not in it" "$work/cut" --to raw -o "$work/bad/x"

# A disk that is full, for each format: told, and no half of a file is left, nor is one that was there before lost.
if unshare --mount true 2>/dev/null; then
  mkdir "$work/small"
  # shellcheck disable=SC2016  # the inner shell's variables
  SMALL=$work/small IMAGE=$image FORMATS=${formats//,/ } unshare --mount bash -c '
    mount -t tmpfs -o size=8m tmpfs "$SMALL" && echo before >"$SMALL/x"
    for format in $FORMATS; do
      ! "$VMIMAGE" convert "$IMAGE" --to "$format" -o "$SMALL/x" || exit 1
      [ "$(ls -A "$SMALL")" = x ] && [ "$(cat "$SMALL/x")" = before ] || exit 1
    done' >"$work/out" 2>"$work/err" || fail "a full disk was not told, or files were left on it"
  [ "$(grep -c '^vmimage: .*[Nn]o space left' "$work/err")" = 10 ] || fail "not each format told that the disk is full"
fi

# Interrupted: nothing is left.
start convert "$image" --to raw.gz,gce,ova,vmdk -o "$work/bad"
await 'a temporary file' bash -c "[ -n \"\$(ls -A '$work/bad')\" ]"
kill -INT "$pid"
expect_end 130
nothing_written

# On a terminal: a bar that goes away.
if command -v script >/dev/null; then
  TERM=xterm LC_ALL=C.UTF-8 NO_COLOR=1 script -qefc "'$VMIMAGE' convert '$image' --to raw.gz -o '$work/bad/x'" \
    "$work/screen" >/dev/null </dev/null
  grep -q 'format raw.gz' "$work/screen"
  grep -q ' %, ' "$work/screen" || fail "no bar is shown"
  grep -q "^.*$work/bad/x" "$work/screen"
  ! grep -q $'\033\\[32m' "$work/screen" || fail "NO_COLOR is not respected"
fi
