# shellcheck shell=sh disable=SC2154
# A folder with a few packages of the next Debian release, from the mirror that this machine's apt uses. Whoever sources it
# has `root`, the folder. What cannot be had or used here ends the test with 77, which ctest reports as skipped.

skip() {
  echo "skipped: $*" >&2
  exit 77
}

# Programs run in the folder as its root user, which is nobody special outside of it.
inside() {
  set -- /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp "$@"
  if [ "$(id -u)" -eq 0 ]; then
    exec chroot "$root" "$@"
  else
    exec unshare --user --map-root-user chroot "$root" "$@"
  fi
}

mirror() {
  # shellcheck disable=SC2016  # these are names for apt-get to replace
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' |
    awk '$2 !~ /-/ { print $1; exit }'
}

# check_root: it is there, and programs can be run in it.
check_root() {
  [ -e "$root/complete" ] || skip "there is no $root"
  (inside true) || skip "programs cannot be run in $root"
}

# make_root <package,...>: unless it is there. Unpacked, not configured; programs run as they are.
make_root() {
  [ -e "$root/complete" ] || unpack "$1"
  check_root
}

unpack() {
  command -v mmdebstrap >/dev/null || skip "mmdebstrap is not installed"
  uri=$(mirror)
  [ -n "$uri" ] || skip "apt names no Debian mirror"
  rm -rf "$root"
  mkdir -p "$root"
  mmdebstrap --quiet --variant=extract --skip=check/empty --include="base-files,coreutils,dash,$1" \
    trixie "$root.tar" "$uri" || skip "mmdebstrap could not make a trixie from $uri"
  tar -x -f "$root.tar" -C "$root" --no-same-owner --exclude='./dev/*'
  rm "$root.tar"
  mkdir -p "$root/dev" "$root/tmp"
  for device in null urandom; do
    cp -a "/dev/$device" "$root/dev/" 2>/dev/null || touch "$root/dev/$device"
  done
  touch "$root/complete"
}
