#!/bin/sh
# A service that says on its console what its instance is, and then is examples/hello.
if [ -d /etc/ssh ]; then
  until [ -s /etc/ssh/ssh_host_ed25519_key.pub ]; do sleep 0.2; done
  read -r _ key _ </etc/ssh/ssh_host_ed25519_key.pub
  echo "fact key $key"
fi
echo "fact id $(cat /etc/machine-id)"
echo "fact name $(cat /proc/sys/kernel/hostname)"
echo "fact random $(cat /proc/sys/kernel/random/uuid)"
echo "fact size $(df -P -k / | awk 'END { print $2 }')"
echo "fact greeting ${GREETING-}"
if [ -n "${CREDENTIALS_DIRECTORY-}" ]; then
  echo "fact secret $(cat "$CREDENTIALS_DIRECTORY/db")"
  echo "fact modes $(stat -c %a "$CREDENTIALS_DIRECTORY" "$CREDENTIALS_DIRECTORY/db" | tr '\n' ' ')"
fi
if ls /run/vmimage >/dev/null 2>&1; then echo "fact open yes"; else echo "fact open no"; fi
echo "fact drives $(grep -c -e iso9660 -e vfat /proc/mounts)"
exec /usr/bin/hello
