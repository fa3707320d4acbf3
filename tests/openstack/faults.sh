#!/usr/bin/env bash
# What goes wrong in a cloud: said, and mended by the next look once it can be; what was changed by hand is shown, and left
# alone until it is ordered otherwise.
#   faults.sh <folder of the cloud> <vmfleet> <folder of the images>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../program.sh
. "$here/../program.sh"
only_when_asked
program=$2
images=$3
own_fleet

# The services as one who runs the cloud has them: this is in its network, and not among its processes.
service() { echo "$state/pids/services/$1"; }
kill_service() {
  local pid
  pid=$(<"$(service "$1")")
  enter kill -9 -- "-$pid"
  while enter kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
revive() { "$here/up" "$state" >/dev/null; }

up() { run "$@" --name "$fleet" --driver openstack --timeout $limit; }
looked() {
  run 0 status "$fleet" --json
  told "$1"
}
settled() { [[ $(looked '"\(.settled) \(.healthy)"') == "true $1" ]]; }
servers_of_group() {
  api GET compute /servers/detail | jq -r --arg fleet "$fleet" \
    '[.servers[] | select(.metadata.vmfleet == $fleet and .metadata.vmfleet_group != "balancer")] | length'
}
clean_up "'$program' down '$fleet'"
clean_up revive

# No host has room: said, and what was begun is gone.
api POST compute /flavors '{"flavor": {"name": "huge-'"$fleet"'", "ram": 49152, "vcpus": 1, "disk": 1}}' >"$work/flavor"
clean_up "api DELETE compute '/flavors/$(jq -r .flavor.id "$work/flavor")'"
up 1 up "$images/service.qcow2" --driver-opt "flavor=huge-$fleet"
says err "[Nn]o valid host"
[[ -z $(api GET orchestration /stacks | jq -r '.stacks[].stack_name') ]] || fail "a stack is there"
say "no host has room"

# Credentials that end.
project=$(api GET identity '/projects?name=admin' | jq -r '.projects[0].id')
user=$(api GET identity '/users?name=admin' | jq -r '.users[0].id')
api POST identity "/users/$user/application_credentials" "$(jq --null-input --arg name "$fleet" --arg project "$project" \
  --arg at "$(date -u -d '+45 seconds' +%Y-%m-%dT%H:%M:%S)" \
  '{application_credential: {name: $name, expires_at: $at, secret: "geheim", unrestricted: true}}')" >"$work/credential"
clean_up "api DELETE identity '/users/$user/application_credentials/$(jq -r .application_credential.id "$work/credential")'"
ends=$((SECONDS + 50))
expiring() {
  env -u OS_CLOUD OS_AUTH_URL=http://127.0.0.1:5000/v3 OS_AUTH_TYPE=v3applicationcredential OS_REGION_NAME=test \
    OS_APPLICATION_CREDENTIAL_ID="$(jq -r .application_credential.id "$work/credential")" \
    OS_APPLICATION_CREDENTIAL_SECRET=geheim "$@"
}

up 0 up "$images/service.qcow2" --count 2
endpoint=$(<"$work/out")
while ((SECONDS < ends)); do sleep 1; done
status=0
expiring "$program" up "$images/service.qcow2" --name other --driver openstack >"$work/out" 2>"$work/err" || status=$?
is "its exit status with credentials that have ended" "$status" 1
says err "[Ee]xpired|401|not authorized|authentication"
say "credentials that have ended"

# The host's agent dies: servers that are asked for meanwhile come when it is back.
kill_service nova-compute
"$program" scale "$fleet" 3 --timeout $limit >"$work/scale" 2>&1 &
scaling=$!
sleep 5
get "$endpoint/" >/dev/null || fail "who answered does not"
revive
wait $scaling || fail "it did not grow: $(<"$work/scale")"
await "three" settled 3
say "nova-compute was killed"

# Heat dies in the middle of a change: the change is made when it is back.
"$program" restart "$fleet" --timeout $limit >"$work/restart" 2>&1 &
restarting=$!
busy() { [[ $(api GET orchestration /stacks | jq -r '.stacks[0].stack_status') == UPDATE_IN_PROGRESS ]]; }
await "a change" busy
kill_service heat-engine
get "$endpoint/" >/dev/null || fail "who answered does not"
revive
wait $restarting || true # it may have been told of a failure
await "three others" settled 3
say "Heat was killed in the middle of a change"

# By hand: shown by whoever looks, and left alone.
stack=$(api GET orchestration /stacks | jq -r '.stacks[0] | "\(.stack_name)/\(.id)"')
current=$(api GET orchestration "/stacks/$stack" | jq -r '.stack.parameters.fleet | fromjson | .current')
api PATCH orchestration "/stacks/$stack" "{\"existing\": true, \"parameters\": {\"${current}_count\": \"4\"}}" >/dev/null
shown() { [[ $(looked .problem) == *"changed by hand: ${current}_count is 4, not 3"* ]]; }
await "it to be shown" shown
four() { [[ $(servers_of_group) == 4 ]] && ! busy; }
await "a fourth server" four
for _ in 1 2 3; do shown || fail "it is not shown any more: $(<"$work/out")"; done
four || fail "it was taken back unasked"
run 0 scale "$fleet" 3 --timeout $limit
await "three" settled 3
is "the servers" "$(servers_of_group)" 3
say "changed by hand"

run 0 down "$fleet"
