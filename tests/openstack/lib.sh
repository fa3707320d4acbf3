# shellcheck shell=bash disable=SC2034
# Sourced by the tests of this folder, which run in the network of the cloud: <test>.sh <folder of the cloud> …
# Each makes what it makes under a name of its own, and takes it away. Its folder is kept when it fails.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
state=$(realpath "$1")
# shellcheck source=cloud.sh
. "$here/cloud.sh"
if [[ -z ${VMIMAGE_IN_CLOUD-} ]]; then
  running || { echo "skipped: there is no cloud in $state (tests/openstack/up)"; exit 77; }
  # Loopback is the cloud's in there: no proxy.
  exec nsenter --target "$(<"$state/pid")" --net env --unset=http_proxy --unset=https_proxy VMIMAGE_IN_CLOUD=yes "$0" "$@"
fi
# shellcheck source=api.sh
. "$here/api.sh"

# only_when_asked: for what takes long.
only_when_asked() {
  [[ ${VMIMAGE_TEST_OPENSTACK-} == 1 ]] || { echo "skipped: it takes long, and runs with VMIMAGE_TEST_OPENSTACK=1"; exit 77; }
}

work=$(mktemp -d /tmp/openstack-test.XXXXXX)
name=test-${work##*.}
export OS_CLIENT_CONFIG_FILE=$state/clouds.yaml OS_CLOUD=test
begun=$SECONDS
say() { printf '%4d s  %s\n' $((SECONDS - begun)) "$*"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# own_fleet: a name, and folders of vmfleet's, for this test alone.
own_fleet() {
  export XDG_STATE_HOME=$work/state XDG_RUNTIME_DIR=$work/run
  mkdir "$work/run"
  fleet=${name//./-}
  limit=1200 # seconds, for what takes one or two minutes on an idle machine
}

# clean_up <command>...: run in the end, whatever happens; the last one first.
cleaners=()
clean_up() { cleaners=("$*" "${cleaners[@]}"); }
finish() {
  local status=$? cleaner
  trap - EXIT
  for cleaner in "${cleaners[@]}"; do eval "$cleaner" >>"$work/cleaned" 2>&1 || true; done
  if ((status == 0 || status == 77)); then rm -rf "$work"; else echo "its folder is kept: $work" >&2; fi
  exit "$status"
}
trap finish EXIT

# await <what> <command...>: until the command succeeds; machines boot slowly without KVM, on a busy machine even more so.
await() {
  local what=$1 until=$((SECONDS + 300))
  shift
  until "$@"; do
    ((SECONDS < until)) || fail "in vain waited for: $what"
    sleep 0.5
  done
}

get() { curl --silent --fail --max-time 10 "$1"; }

network_id() { api GET network "/v2.0/networks?name=guests" | jq -r '.networks[0].id'; }
flavor_id() { api GET compute /flavors | jq -r --arg name "$1" '.flavors[] | select(.name == $name).id'; }

# The servers whose names start with a word: <id> <status> <address>, a line each.
servers() {
  api GET compute "/servers/detail?name=^$1" |
    jq -r '.servers[] | "\(.id) \(.status) \([.addresses[][]?.addr][0] // "-")"'
}
servers_active() {  # <count> <word>
  [[ $(servers "$2" | awk '$2 == "ACTIVE"' | wc -l) == "$1" ]]
}
none_left() { [[ -z $(servers "$1") ]]; }
all_answer() {  # <word>
  local address
  while read -r _ _ address; do get "http://$address:8080/healthz" >/dev/null || return 1; done < <(servers "$1")
}

authenticate
