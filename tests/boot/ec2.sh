#!/usr/bin/env bash
# ec2.sh <image> <bios|uefi>: a machine that says that it is EC2's, on NVMe and beside a metadata service that insists on
# tokens: settings, a secret and the host name come from there, and the root is as large as its disk.
. "$(dirname "$0")/harness.sh"
. "$(dirname "$0")/cloud.sh"

use_image "$1"
mkdir -p "$work/service/latest/meta-data"
cd "$work/service"
echo -n 'AQAEAHmkjtK1ToKeN==' >token
echo '<html>no</html>' >error
echo -n ip-10-0-0-7.eu-central-1.compute.internal >latest/meta-data/local-hostname
cat >latest/user-data <<'END'
{"vmimage": 1, "environment": {"GREETING": "gr\u00fc\u00df \"$HOME\" = dich"}, "secrets": {"db": "Z2VoZWlt"}}
END
cd "$OLDPWD"
cp "$(dirname "$0")/imds.sh" "$work"  # QEMU takes the command apart at blanks

firmware=()
if [ "$2" = uefi ]; then
  for part in CODE VARS; do
    cp "/usr/share/OVMF/OVMF_${part}_4M.fd" "$work/$part.fd"
    firmware+=(-drive "if=pflash,format=raw,file=$work/$part.fd")
  done
fi
overlay server $((1 << 30))
boot_machine server -machine q35 -smbios 'type=1,manufacturer=Amazon EC2,product=t3.micro' "${firmware[@]}" \
  -drive "if=none,id=root,format=qcow2,file=$work/server.qcow2" -device nvme,drive=root,serial=vol0123,bootindex=1 \
  -netdev "user,id=net,ipv6=off,net=169.254.169.0/24,host=169.254.169.2,dns=169.254.169.3,dhcpstart=169.254.169.15,\
guestfwd=tcp:169.254.169.254:80-cmd:bash $work/imds.sh $work/service $work/requests.log" \
  -device virtio-net-pci,netdev=net,romfile=
await_machine server
# shellcheck disable=SC2016  # it is no variable
is server greeting 'grüß "$HOME" = dich'
is server secret geheim
[[ $(fact server modes) =~ ^5[0145]0\ 4[04]0 ]] || fail "modes: $(fact server modes)"
is server name ip-10-0-0-7
is server open no
[ "$(fact server size)" -gt $(((1 << 30) / 1024)) ] || fail "the root has $(fact server size) KiB"
! grep -qv '^200 ' "$work/requests.log" || fail "refused: $(grep -v '^200 ' "$work/requests.log")"
grep -q '^200 PUT /latest/api/token' "$work/requests.log"
end_machine server
