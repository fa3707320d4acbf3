#!/usr/bin/env bash
# stock.sh <bench-distribution>: a Debian disk as the distribution makes it, stock.vmdk, and its tree as an archive,
# stock.tar.zst, in the working folder; made again when what they are made from changed.
set -euo pipefail

for tool in mmdebstrap sfdisk mke2fs grub-mkimage zstd jq; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
made_from=$({ sha256sum <"$1"; sha256sum <"$0"; jq .packages hello-debian.json; } | sha256sum)
if [ -f stock.vmdk ] && [ "$(cat stock.from 2>/dev/null)" = "$made_from" ]; then exit; fi
rm -f stock.from
work=$(mktemp -d -p "$PWD" stock.XXXXXX)
trap 'rm -rf "$work"' EXIT
# In memory, where there is room: much of it is small files.
if [ "$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 3000000 ]; then export TMPDIR=/dev/shm; fi
"$1" --stock "$work/stock.tar.zst" hello-debian.json - "$work/stock.qcow2"
qemu-img convert -O vmdk "$work/stock.qcow2" "$work/stock.vmdk"
mv "$work/stock.vmdk" "$work/stock.tar.zst" .
printf '%s\n' "$made_from" >stock.from
