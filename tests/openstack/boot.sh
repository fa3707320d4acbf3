#!/usr/bin/env bash
# An image of ours in the cloud: a server made from it answers, and a group of two that Heat keeps grows to three, by a
# signal to its scaling policy.
#   boot.sh <folder of the cloud> <vmimage> <image.qcow2>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
program=$2
file=$3

image=$(OS_CLIENT_CONFIG_FILE=$state/clouds.yaml OS_CLOUD=test "$program" publish "$file" --to openstack --name "$name" --quiet)
clean_up api DELETE image "/v2/images/$image"
say "the image is in Glance"

server=$(api POST compute /servers "{\"server\": {\"name\": \"$name-one\", \"imageRef\": \"$image\",
  \"flavorRef\": \"$(flavor_id small)\", \"networks\": [{\"uuid\": \"$(network_id)\"}]}}" | jq -r .server.id)
clean_up await '"the end of the server"' none_left "$name-one"
clean_up api DELETE compute "/servers/$server"
await "the server" servers_active 1 "$name-one"
say "the server runs"
await "the server's answer" all_answer "$name-one"
say "the server answers"

# All of a group have the one name that is given; Heat's own do not start with the name of the stack.
cat >"$work/stack.json" <<END
{"stack_name": "$name", "timeout_mins": 15, "template": {"heat_template_version": "2018-08-31", "resources": {
  "group": {"type": "OS::Heat::AutoScalingGroup", "properties": {
    "min_size": 1, "max_size": 3, "desired_capacity": 2, "resource": {"type": "OS::Nova::Server", "properties": {
      "name": "$name-group", "image": "$image", "flavor": "small", "user_data_format": "RAW",
      "networks": [{"network": "guests"}]}}}},
  "up": {"type": "OS::Heat::ScalingPolicy", "properties": {"auto_scaling_group_id": {"get_resource": "group"},
    "adjustment_type": "change_in_capacity", "scaling_adjustment": 1, "cooldown": 0}}}}}
END
stack=$(api POST orchestration /stacks "$(<"$work/stack.json")" | jq -r .stack.id)
clean_up await '"the end of the group"' none_left "$name-group"
clean_up api DELETE orchestration "/stacks/$name/$stack"
stack_is() {
  local now
  now=$(api GET orchestration "/stacks/$name/$stack" | jq -r '.stack | "\(.stack_status): \(.stack_status_reason)"')
  [[ $now != *_FAILED* ]] || fail "the stack is $now"
  [[ $now == "$1"* ]]
}
await "the stack" stack_is CREATE_COMPLETE
say "the group of two is there"
await "the group's answers" all_answer "$name-group"
say "both answer"
api POST orchestration "/stacks/$name/$stack/resources/up/signal" '{}' >/dev/null
await "a third server" servers_active 3 "$name-group"
say "there are three"
await "the third one's answer" all_answer "$name-group"
say "all three answer"
