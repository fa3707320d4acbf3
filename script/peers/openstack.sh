# A fleet in OpenStack beside one on this machine; sourced by script/bench, which sets prefix and work.
# shellcheck shell=bash

# In the network of the cloud that the tests bring up, or on this machine.
in_openstack() {
  local cloud=${work:?}/cloud
  nsenter --target "$(<"$cloud/pid")" --net \
    env OS_CLIENT_CONFIG_FILE="$cloud/clouds.yaml" OS_CLOUD=test XDG_STATE_HOME="$work/state" XDG_RUNTIME_DIR="$work/run" "$@"
}
in_local() { env XDG_STATE_HOME="$work/state" XDG_RUNTIME_DIR="$work/run" "$@"; }

# measure_openstack <target> <base>: the same commands with each driver, one after the other.
measure_openstack() {
  local image=$work/hello/$1.qcow2 next=$work/next.qcow2 driver step samples options
  local -A times
  mkdir -p "$work/run"
  tests/openstack/up "$work/cloud" >>"${log:?}" 2>&1 || { tail -20 "$log" >&2; exit 1; }
  change_source "$RANDOM"
  cp "$image" "$work/first.qcow2"
  change_source "$RANDOM"
  cmake --build "$work/hello" --target "$1" >>"$log"
  cp "$image" "$next"
  samples=()
  time_of in_openstack "${prefix:?}/bin/vmimage" publish "$work/first.qcow2" --to openstack --name "bench-$RANDOM"
  row "publish to Glance, $2" "$(seconds "${samples[0]}")" "$(mebibytes "$(apparent "$image")"), from the command to the end"
  for driver in openstack local; do
    options=(--driver "$driver")
    [[ $driver == local ]] || options+=(--driver-opt network=guests)
    samples=()
    time_of "in_$driver" "$prefix/bin/vmfleet" up "$work/first.qcow2" --name bench --count 1 --timeout 900 "${options[@]}"
    time_of "in_$driver" "$prefix/bin/vmfleet" scale bench 3 --timeout 900
    time_of "in_$driver" "$prefix/bin/vmfleet" deploy bench "$next"
    time_of "in_$driver" "$prefix/bin/vmfleet" down bench
    for step in 0 1 2 3; do times[$driver.$step]=${samples[$step]}; done
  done
  step=0
  for what in "first healthy answer" "1 to 3 instances" "3 instances rolled to another image" "down"; do
    row "OpenStack: $what, $2" "$(seconds "${times[openstack.$step]}")" "local: $(seconds "${times[local.$step]}")"
    step=$((step + 1))
  done
  tests/openstack/down "$work/cloud" >>"$log" 2>&1
}
