#!/usr/bin/env bash
# A fleet in the cloud as a person has it: up on the Debian base, grown, changed to the minimal one under load without a
# failed request, back again; what cannot be is refused; a quota that is reached is told of, and nothing is lost.
#   fleet.sh <folder of the cloud> <vmfleet> <folder of the images>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../program.sh
. "$here/../program.sh"
program=$2
images=$3
# shellcheck source=../load.sh
. "$here/../load.sh"
own_fleet

end_load() { [[ -z ${client-} ]] || kill "$client"; }
clean_up "'$program' down '$fleet'"
clean_up end_load
up() { run "$@" --name "$fleet" --driver openstack; }

# What cannot be, before anything is made.
printf geheim >"$work/token"
up 2 up "$images/service.qcow2" --driver-opt netwrok=guests
says err "did you mean 'network'"
up 2 up "$images/service.qcow2" --driver-opt network=gests
says err "no network 'gests'"
up 2 up "$images/service.qcow2" --driver-opt flavor=tiny
says err "no flavor 'tiny'"
up 2 up "$images/service.qcow2" --memory 400M --driver-opt flavor=small
says err "the flavor small .* is smaller than"
up 2 up "$images/service.qcow2" --secret "token=$work/token"
says err "secrets=config-drive"
up 2 up "$images/service-volume.qcow2"
says err "no volumes"
OS_CLOUD=test-untrusted up 1 up "$images/service.qcow2"
says err "certificate"
run 0 list
is "the fleets" "$(<"$work/out")" ""
[[ -z $(api GET orchestration /stacks | jq -r '.stacks[].stack_name') ]] || fail "a stack is there"
say "refused"

# Both bases, under load.
up 0 up "$images/service-debian.qcow2" --count 1 --timeout $limit --driver-opt flavor=large --env GREETING=here \
  --secret "token=$work/token" --driver-opt secrets=config-drive
endpoint=$(<"$work/out")
is "its setting" "$(get "$endpoint/env/GREETING")" here
is "its secret" "$(get "$endpoint/secret/token")" geheim
(# from another machine
  export XDG_STATE_HOME=$work/elsewhere
  run 2 status "$fleet"
  run 0 list --driver openstack
  says out "^$fleet "
  run 0 status "$fleet"
)
say "one of the Debian base answers"
connections=4 patience=30 load
run 0 deploy "$fleet" "$images/service-next.qcow2"
unload_whole
run 0 status "$fleet" --json
is "the status" "$(told '"\(.desired) \(.healthy) \(.instances | length) \(.instances[0].image)"')" \
  "1 1 1 $(realpath "$images")/service-next.qcow2"
[[ $(api GET compute /servers/detail | jq '.servers | length') == 2 ]] || fail "there are other servers than one and the balancer"
say "one of the minimal base answers in its place"

# More than the project may have: told, and those that there are go on.
limits=/os-quota-sets/$(api GET identity /projects?name=admin | jq -r '.projects[0].id')
clean_up "api PUT compute '$limits' '{\"quota_set\": {\"instances\": 10}}'"
api PUT compute "$limits" '{"quota_set": {"instances": 3}}' >/dev/null
run 1 scale "$fleet" 4 --timeout $limit
says err "[Qq]uota"
is "who answers" "$(get "$endpoint/env/GREETING")" here
api PUT compute "$limits" '{"quota_set": {"instances": 10}}' >/dev/null
run 0 scale "$fleet" 2 --timeout $limit
say "a quota is reached: two answer afterwards"

connections=4 patience=30 load
run 0 rollback "$fleet"
unload_whole
run 0 logs "$fleet"
says out "service: listening"
run 0 down "$fleet"
[[ -z $(api GET orchestration /stacks | jq -r '.stacks[].stack_name') ]] || fail "the stack is there"
[[ ! -e $work/state/vmfleet || -z $(find "$work/state/vmfleet" -type f) ]] || fail "left is: $(find "$work/state")"
say "back at the Debian base, and gone"
