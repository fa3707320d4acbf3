# shellcheck shell=bash disable=SC2034
# Sourced by the tests of this folder: <test>.sh <vmimage> …. Each has a double of AWS of its own, which ends with it, and
# a folder, which is kept when it fails.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
program=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/aws-test.XXXXXX")
begun=$SECONDS
double=
say() { printf '%4d s  %s\n' $((SECONDS - begun)) "$*"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
finish() {
  local status=$?
  trap - EXIT
  [[ -z $double ]] || kill "$double" 2>/dev/null || true
  if ((status == 0 || status == 77)); then rm -rf "$work"; else echo "its folder is kept: $work" >&2; fi
  exit "$status"
}
trap finish EXIT
# shellcheck source=../program.sh
. "$here/../program.sh"

start_double() {
  local status=0
  "$here/double.py" "$work" 2>"$work/double.log" >"$work/double.out" &
  double=$!
  until [[ -s $work/url ]]; do
    if ! kill -0 $double 2>/dev/null; then
      wait $double || status=$?
      cat "$work/double.out" "$work/double.log"
      exit "$status"
    fi
    sleep 0.05
  done
  AWS_ENDPOINT_URL=$(<"$work/url")
}
control() { curl --silent --fail --noproxy '*' "$AWS_ENDPOINT_URL/_control" --data "$1" >/dev/null; }
state() { curl --silent --fail --noproxy '*' "$AWS_ENDPOINT_URL/_state" | jq -r "$1"; }
faults() { control "{\"faults\": [$1]}"; }

nothing_is_there() {
  is "what is there" "$(state '[.regions[] | (.snapshots, .images) | length] | add')" 0
}
remove_all() {
  run 0 published --to aws --json
  told '.images[].id' >"$work/ids"
  [[ ! -s $work/ids ]] || xargs "$program" unpublish --from aws <"$work/ids" >/dev/null
  nothing_is_there
}
# A disk of 64 MiB with so many blocks of 512 KiB that are not zeroes, and a boot sector.
make_disk() {  # <file> <blocks>
  truncate -s 64M "$1"
  head -c "$(($2 * 512))K" /dev/urandom | dd of="$1" bs=512K conv=notrunc status=none iflag=fullblock
  printf '\125\252' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

# Nothing of whoever runs the test.
unset "${!AWS_@}" http_proxy https_proxy
export AWS_ENDPOINT_URL='' AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/none
export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=secret/of+test AWS_REGION=eu-central-1
export XDG_STATE_HOME=$work/state XDG_RUNTIME_DIR=$work/run VMIMAGE_CACHE=$work/cache TMPDIR=$work
mkdir -p "$work/run"
