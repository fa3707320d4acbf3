#!/usr/bin/env bash
# base-disk.sh <hello>: a service goes into the disk of a distribution, given as VMDK, and nothing else in it changes;
# it boots by the disk's own boot loader and kernel, also in a changed version.
. "$(dirname "$0")/harness.sh"

# build <version>
build() {
  jq -n --arg hello "$1" --arg base "file:$PWD/stock.vmdk" '{version: 1, name: "on-disk", base: $base,
    files: [{source: $hello, destination: "/usr/bin/hello"}], command: ["/usr/bin/hello"],
    ports: ["8080"], health: "http://:8080/healthz"}' >"$work/recipe.json"
  run 0 build "$work/recipe.json" -o "$work/images"
}
built=$work/images/on-disk
build "$1"
[ "$(jq -c '[.base, .init, .boot.firmware]' "$built.json")" = '["file:stock.vmdk","systemd",["bios"]]' ] ||
  fail "the manifest says $(jq -c '[.base, .init, .boot.firmware]' "$built.json")"

# What differs, by somebody else's reader: boot code, partition table, boot partition; then each file of the root.
qemu-img convert -O raw stock.vmdk "$work/before.raw"
qemu-img convert -O raw "$built.qcow2" "$work/after.raw"
cmp --bytes=$((4096 * 512)) "$work/before.raw" "$work/after.raw" || fail 'what is before the root differs'
cmp <(tail -c 1M "$work/before.raw") <(tail -c 1M "$work/after.raw") || fail 'what is behind the root differs'
for state in before after; do
  mkdir "$work/$state"
  debugfs -R "rdump / $work/$state" "$work/$state.raw?offset=$((4096 * 512))" >"$work/debugfs.log" 2>&1
  run 0 ls "$work/$state.raw:/" -R --json
  # A new name in a folder changes its time, and nothing else of it.
  jq -c '.[] | if .type == "folder" then del(.mtime, .size) else . end' "$work/out" | sort >"$work/$state.list"
done
{ diff "$work/before.list" "$work/after.list" || true; } | sed -n 's/^[<>].*"path":"\([^"]*\)".*/\1/p' | sort -u >"$work/differ.log"
diff - "$work/differ.log" <<'END' || fail 'other files differ'
/etc/group
/etc/passwd
/etc/shadow
/etc/systemd/system/hello.service
/etc/systemd/system/multi-user.target.wants/hello.service
/etc/systemd/system/sysinit.target.wants/vmimage-settings.service
/usr/bin/hello
/usr/lib/systemd/system/vmimage-settings.service
/usr/lib/vmimage
/usr/lib/vmimage/debian-settings
/usr/lib/vmimage/manifest.json
/usr/lib/vmimage/metadata
/usr/lib/vmimage/settings
/var/lib/hello
END
{ diff --recursive --brief --no-dereference "$work/before" "$work/after" || true; } | grep '^Files ' | awk '{print $2}' |
  sed "s|^$work/before||" | sort >"$work/contents.log"
[ "$(xargs <"$work/contents.log")" = '/etc/group /etc/passwd /etc/shadow' ] || fail 'the contents of other files differ'
e2fsck -f -n "$work/after.raw?offset=$((4096 * 512))" >"$work/e2fsck.log" 2>&1 || fail 'the root is damaged'
rm -r "$work/before" "$work/after" "$work/before.raw" "$work/after.raw"

# Another version costs neither reading the base nor its disk again, once the file is older than a moment.
build "$1"
cp "$1" "$work/hello"
printf x >>"$work/hello"
build "$work/hello"
! grep -Eq 'reading|looking into|disk of' "$work/err" || fail 'the base was looked at again'

# shellcheck disable=SC2016  # the client's variables
run 0 boot "$built.qcow2" --check --timeout 200 --serial-log "$work/serial.log" --env PORT=8080 -- \
  sh -c 'curl -sf --max-time 20 "http://$VM_ADDRESS:$VM_PORT_8080/"'
says out '^hello from on-disk$'
grep -q 'GRUB' "$work/serial.log" || fail 'it was not started by its own boot loader'
run 2 boot "$built.qcow2" --check --firmware direct
says err 'cannot be booted directly'
