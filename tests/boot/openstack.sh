#!/usr/bin/env bash
# openstack.sh <image>: two machines that say they are OpenStack's, each with a config drive: one with settings, a secret
# and a host name, as a CD; one with a file of others, as a disk, whose service starts all the same.
. "$(dirname "$0")/harness.sh"
. "$(dirname "$0")/cloud.sh"

command -v genisoimage >/dev/null || { rm -rf "$work"; echo "skipped: no genisoimage"; exit 77; }
use_image "$1"
latest=$work/drive/openstack/latest
mkdir -p "$latest"
cat >"$latest/user_data" <<'END'
{"vmimage": 1, "environment": {"GREETING": "gr\u00fc\u00df \"$HOME\" = dich"}, "secrets": {"db": "Z2VoZWlt"}}
END
echo '{"uuid": "4e6e7a5c-0c5c-4a43-9dd2-d7ba0f3b5d8f", "hostname": "orders-1.novalocal", "meta": {"a": [1, null]}}' \
  >"$latest/meta_data.json"
genisoimage -quiet -J -l -r -V config-2 -o "$work/cd.iso" "$work/drive"

printf '#cloud-config\nhostname: other\n' >"$latest/user_data"
echo '{"hostname": "orders-2"}' >"$latest/meta_data.json"
truncate -s 64M "$work/fat.raw"
mkfs.vfat -n config-2 "$work/fat.raw" >/dev/null 2>&1
mcopy -s -i "$work/fat.raw" "$work/drive/openstack" ::

# nova <name> <argument>...: a machine as Nova makes them: with two network cards.
nova() {
  local name=$1
  shift
  overlay "$name" $((1 << 30))
  boot_machine "$name" -machine pc -smbios 'type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova' \
    -drive "if=none,id=root,format=qcow2,file=$work/$name.qcow2" -device virtio-blk-pci,drive=root,bootindex=1 \
    -nic user,model=virtio-net-pci,net=10.0.2.0/24 -nic user,model=virtio-net-pci,net=10.0.3.0/24 "$@"
}
nova settings -device virtio-scsi-pci -drive "if=none,id=cd,format=raw,media=cdrom,readonly=on,file=$work/cd.iso" \
  -device scsi-cd,drive=cd
nova others -drive "if=none,id=drive,format=raw,file=$work/fat.raw" -device virtio-blk-pci,drive=drive

await_machine settings
# shellcheck disable=SC2016  # it is no variable
is settings greeting 'grüß "$HOME" = dich'
is settings secret geheim
[[ $(fact settings modes) =~ ^5[0145]0\ 4[04]0 ]] || fail "modes: $(fact settings modes)"
is settings name orders-1
await_machine others
is others greeting ''
is others secret ''
is others name orders-2
grep -q 'vmimage: the user data is ignored' "$work/others.log" || fail "others: nothing says that its user data is ignored"
! grep -q 'is ignored' "$work/settings.log" || fail "settings: $(grep 'is ignored' "$work/settings.log")"
for name in settings others; do
  is $name open no
  is $name drives 0
  [ "$(fact $name size)" -gt $(((1 << 30) / 1024)) ] || fail "the root has $(fact $name size) KiB"
  end_machine $name
done
