#!/usr/bin/env bash
# A fleet on AWS as a person has it, and whatever goes wrong: rights, images, stacks, groups, what somebody changed by hand.
#   fleet.sh <vmfleet> <folder of the images>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
images=$2
start_double

shop() { run "$1" "$2" "$images/${3:-service}.qcow2" --name shop --driver aws "${@:4}"; }
group() { state '.groups | keys[0]'; }
healthy() {  # <n>
  run 0 status shop --json
  is "the fleet" "$(told '"\(.desired) \(.healthy) \(.instances | length)"')" "$1 $1 $1"
}
# Looks until the status says so.
await() {  # <jq filter that has to be true>
  local tries=600
  until run 0 status shop --json && [[ $(told "$1") == true ]]; do
    ((--tries)) || fail "it does not become '$1' but: $(<"$work/out")"
    sleep 0.2
  done
}
image_of_all() { told '[.instances[].image] | unique | map(split("/")[-1]) | join(" ")'; }

# What cannot be, before anything is made.
printf geheim >"$work/token"
shop 2 up service --driver-opt instance=t3.micro
says err "has no option 'instance'"
shop 2 up service --driver-opt instance_type=t4g.micro
says err "t4g.micro is for arm64"
shop 2 up service --driver-opt instance_type=t2.micro
says err "not of the Nitro system"
shop 2 up service --driver-opt instance_type=t3.huge
says err "no instance type 't3.huge'"
shop 2 up service --driver-opt subnets=subnet-0000000000000000a,subnet-0123456789abcdef0
says err "no subnet 'subnet-0123456789abcdef0'"
shop 2 up service --driver-opt subnets=subnet-0000000000000000b,subnet-0000000000000000c
says err "same availability zone"
shop 2 up service --driver-opt balancer=application --driver-opt subnets=subnet-0000000000000000a
says err "two availability zones"
shop 2 up service --secret "token=$work/token"
says err "secrets=ARN"
control '{"no_default": true}'
shop 2 up service
says err "no default VPC"
control '{"no_default": false}'
(
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  shop 2 up service
  says err "AWS"
)
(
  export AWS_SECRET_ACCESS_KEY=wrong
  shop 1 up service
)
faults '{"operation": "CreateStack", "kind": "deny"}'
shop 1 up service
says err "the account may not do that"
faults ''
run 0 list
is "the fleets" "$(<"$work/out")" ""
is "what is there" "$(state '(.stacks, .groups) | length' | xargs)" "0 0"
say "refused, and nothing was made"

# A plan shows the template, and changes nothing.
shop 0 plan service --count 2 --env LEVEL=debug
is "its image" "$(told .Resources.Template.Properties.LaunchTemplateData.InstanceType)" t3.nano
says err "would be made"
is "what is there" "$(state '(.stacks, .groups) | length' | xargs)" "0 0"
faults '{"operation": "*", "kind": "throttle", "rate": 0.3}'
shop 0 up service --count 2 --env LEVEL=debug
faults ''
endpoint=$(<"$work/out")
healthy 2
is "what AWS's own client reads" "$("$here/read.py" "$AWS_ENDPOINT_URL" shop | jq -c .)" "$(jq -cn '{status: "CREATE_COMPLETE",
  tags: {vmfleet: "shop"}, outputs: 1, group: true, desired: 2, members: true, healthy: 2, image: true, activities: true,
  events: "CREATE_IN_PROGRESS"}')"
shop 0 plan service --count 2
says err "would stay as it is"
shop 0 plan service --count 2 --env LEVEL=info --port 80
says err "Modify Template "
says err "Modify Listener8080 "
shop 0 plan service --count 2 --env LEVEL=debug --port 443 \
  --driver-opt certificate=arn:aws:acm:eu-central-1:123456789012:certificate/0123abcd
says err "Modify Listener8080 "
says out '"SslPolicy"'
before=$(state '.instances | length')
shop 0 up service
is "instances that there were" "$(state '.instances | length')" "$before"
says out "^$endpoint$"
# From another machine.
(
  export XDG_STATE_HOME=$work/elsewhere
  run 2 status shop
  run 0 list --driver aws
  says out "^shop "
  healthy 2
)
say "two answer; a plan tells of changes, and makes none; another machine finds it"

# Other images, by each strategy.
run 0 deploy shop "$images/service-next.qcow2"
healthy 2
is "the image" "$(image_of_all)" service-next.qcow2
run 0 deploy shop "$images/service.qcow2" --strategy blue-green
healthy 2
is "the image" "$(image_of_all)" service.qcow2
is "groups" "$(state '.groups | length')" 1
run 0 deploy shop "$images/service-next.qcow2" --strategy all-at-once
run 0 rollback shop
is "back at" "$(basename "$(<"$work/out")")" service.qcow2
run 2 deploy shop "$images/service-next.qcow2" --strategy canary
says err "no strategy 'canary'"
say "deployed: rolling, blue-green, all at once, and back"

# One that never gets healthy is taken back by CloudFormation.
control "{\"broken\": [\"$(jq -r .digest "$images/service-crash.json")\"]}"
run 1 deploy shop "$images/service-crash.qcow2" --limit 3
says err "it is what it was before: Group: Received 0 SUCCESS signal"
healthy 2
is "the image" "$(image_of_all)" service.qcow2
run 1 deploy shop "$images/service-crash.qcow2" --strategy blue-green --limit 3
healthy 2
is "groups" "$(state '.groups | length')" 1
is "the stack" "$(state '.stacks["vmfleet-shop"].status')" UPDATE_ROLLBACK_COMPLETE
say "an image that does not do well is taken back"

# The command is killed in the middle: another one goes on.
"$program" deploy shop "$images/service-next.qcow2" >/dev/null 2>&1 &
deploying=$!
until [[ $(state '.stacks["vmfleet-shop"].status') == UPDATE_IN_PROGRESS ]]; do sleep 0.05; done
kill -9 $deploying
wait $deploying 2>/dev/null || true
await '.settled and .rollout.back == false'
is "the image" "$(image_of_all)" service-next.qcow2
say "killed in the middle: the next one goes on"

# Interrupted: taken back, before it ends.
run 0 events shop
events=$(wc -l <"$work/out")
"$program" deploy shop "$images/service-crash.qcow2" >/dev/null 2>"$work/err" &
deploying=$!
until [[ $(state '.stacks["vmfleet-shop"].status') == UPDATE_IN_PROGRESS ]]; do sleep 0.05; done
kill -INT $deploying
status=0
wait $deploying || status=$?
is "the exit status" "$status" 130
is "the stack" "$(state '.stacks["vmfleet-shop"].status')" UPDATE_ROLLBACK_COMPLETE
healthy 2
is "the image" "$(image_of_all)" service-next.qcow2
run 0 events shop
(($(wc -l <"$work/out") > events)) || fail "nothing is told of it"
says out "Group UPDATE_FAILED"
run 0 logs shop
says out "service: listening"
say "interrupted: taken back"

# No right to one of the calls.
for operation in UpdateStack DescribeStackResources DescribeTargetHealth DescribeAutoScalingGroups; do
  faults "{\"operation\": \"$operation\", \"kind\": \"deny\"}"
  run 1 scale shop 3
  says err "the account may not do that"
done
faults ''
await .settled
healthy 2

# Changed by hand: shown, and left alone until somebody says otherwise.
control "{\"desired\": {\"$(group)\": 4}}"
await '.healthy == 4'
told .problem | grep -q "desired 4 and not 2" || fail "drift is not shown: $(told .problem)"
shop 0 up service-next
run 0 deploy shop "$images/service.qcow2"
is "desired" "$(state '.groups[].desired')" 4
run 0 scale shop 2
is "desired" "$(state '.groups[].desired')" 2
healthy 2
is "the problem" "$(told .problem)" ""
say "changed by hand: shown, and left alone"

# The AMI is deregistered: what runs goes on, new ones cannot be; 'up' publishes it again.
for image in $(state '.images | keys[]'); do control "{\"images_gone\": [\"$image\"]}"; done
control "{\"terminate\": [\"$(state '[.groups[].members[].id][0]')\"]}"
await '.problem | test("does not exist")'
is "who answers" "$(told .healthy)" 1
run 1 rollback shop
says err "AMI '.*' .* is gone"
shop 0 up service
healthy 2
say "an AMI deregistered: told, and published again"

# Rights to read secrets, and no others; sizes by the load.
shop 0 up service --driver-opt secrets=arn:aws:ssm:eu-central-1:123456789012:parameter/shop
is "resources" "$(state '.stacks["vmfleet-shop"].template' | jq -r '.Resources | [has("Role"), has("Profile")] | join(" ")')" "true true"
run 0 autoscale shop --min 1 --max 3 --target cpu=60
run 0 scale shop 2
is "desired" "$(state '.groups[].desired')" 2
run 2 autoscale shop --min 1 --max 3 --target requests=60
says err "does not count 'requests'"
run 0 autoscale shop --off

# CloudFormation gives up: no order but down.
control '{"rollback_fails": true}'
run 1 deploy shop "$images/service-crash.qcow2" --limit 2
says err "UPDATE_ROLLBACK_FAILED"
run 1 scale shop 3
says err "continue-update-rollback"
control '{"rollback_fails": false}'
run 0 down shop
is "what is there" "$(state '(.stacks, .groups, .healthy, .launch_templates) | length' | xargs)" "0 0 0 0"
is "who runs" "$(state '[.instances[] | select(.state != "terminated")] | length')" 0
[[ -z $(find "$work/state/vmfleet" -type f 2>/dev/null) ]] || fail "left is: $(find "$work/state/vmfleet")"
say "stuck, and removed"

# A new one that does not get healthy leaves nothing.
shop 1 up service-crash --timeout 5
says err "failed to bring up"
run 0 list
is "the fleets" "$(<"$work/out")" ""
is "what is there" "$(state '(.stacks, .groups) | length' | xargs)" "0 0"
say "one that never did well is gone"
