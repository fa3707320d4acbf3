#!/usr/bin/env bash
# examples/openstack/group.yaml: a group of two gets its settings and a secret by the config drive, grows to three, gets a
# server in place of one that was deleted behind Heat's back, and leaves nothing.
#   group.sh <folder of the cloud> <vmimage> <image.qcow2>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
program=$2
file=$3

image=$(OS_CLIENT_CONFIG_FILE=$state/clouds.yaml OS_CLOUD=test "$program" publish "$file" --to openstack --name "$name" --quiet)
clean_up api DELETE image "/v2/images/$image"

settings='{"vmimage": 1, "environment": {"GREETING": "from the group"}, "secrets": {"token": "Z2VoZWlt"}}'
jq -n --arg name "$name" --rawfile template "$here/../../examples/openstack/group.yaml" --arg image "$image" \
  --arg settings "$settings" '{stack_name: $name, timeout_mins: 15, template: $template,
    parameters: {image: $image, flavor: "small", network: "guests", settings: $settings}}' >"$work/stack.json"
for missing in image flavor network; do
  refused=$(api POST orchestration /stacks "$(jq --arg key $missing '.parameters[$key] = "no-such-thing"' "$work/stack.json")" 2>/dev/null) &&
    fail "a stack with a $missing that is not there"
  [[ $refused == *no-such-thing* ]] || fail "not refused for its $missing: $refused"
done

stack=$(api POST orchestration /stacks "$(<"$work/stack.json")" | jq -r .stack.id)
at=/stacks/$name/$stack
stack_is() {
  local now
  now=$(api GET orchestration "$at" | jq -r '.stack | "\(.stack_status): \(.stack_status_reason)"')
  [[ $now != CREATE_FAILED* && $now != UPDATE_FAILED* ]] || fail "the stack is $now"
  [[ $now == "$1"* ]]
}
checked() { stack_is CHECK_COMPLETE || stack_is CHECK_FAILED; }
# Heat makes up their names; what they have from the template is the stack's name in their metadata.
servers() {
  api GET compute /servers/detail | jq -r --arg name "$1" '.servers[] | select(.metadata.stack == $name) |
    "\(.id) \(.status) \([.addresses[][]?.addr][0] // "-")"'
}
# The stack's security groups and groups of servers, a line each.
groups_of_stack() {
  api GET network /v2.0/security-groups | jq -r --arg name "$name" '.security_groups[].name | select(startswith($name))'
  api GET compute /os-server-groups | jq -r --arg name "$name" '.server_groups[].name | select(startswith($name))'
}
ended() {
  none_left "$name" && [[ $(api GET orchestration "/stacks?name=$name" | jq '.stacks | length') == 0 ]]
}
clean_up ended
clean_up api DELETE orchestration "$at"

# resize <count>: the same stack, of so many servers; Heat makes those that it knows to be missing.
resize() {
  api PATCH orchestration "$at" "{\"existing\": true, \"parameters\": {\"count\": $1}}" >/dev/null
  await "an end of the update" stack_is UPDATE_COMPLETE
  await "$1 servers" servers_active "$1" "$name"
  await "their answers" all_answer "$name"
}
have_settings() {
  local address
  while read -r _ _ address; do
    [[ $(get "http://$address:8080/env/GREETING") == "from the group" ]] || fail "$address has other settings"
    [[ $(get "http://$address:8080/secret/token") == geheim ]] || fail "$address has no secret, or another"
  done < <(servers "$name")
}

await "the stack" stack_is CREATE_COMPLETE
servers_active 2 "$name" || fail "there are no two servers: $(servers "$name")"
await "both answers" all_answer "$name"
have_settings
[[ $(api GET orchestration "$at" | jq -r '.stack.outputs[] | select(.output_key == "addresses").output_value[]' | sort) \
  == "$(servers "$name" | awk '{print $3}' | sort)" ]] || fail "the stack tells of other addresses"
[[ $(groups_of_stack | wc -l) == 2 ]] || fail "of groups there are: $(groups_of_stack)"
say "two answer, with their settings"
before=$(servers "$name" | cut -d ' ' -f 1 | sort)

resize 3
have_settings
[[ $(comm -13 <(servers "$name" | cut -d ' ' -f 1 | sort) <(echo "$before")) == "" ]] || fail "growing has replaced a server"
say "three answer; the two are as they were"

gone=$(head -n 1 <<<"$before")
api DELETE compute "/servers/$gone"
await "its end" servers_active 2 "$name"
api POST orchestration "$at/actions" '{"check": null}' >/dev/null
await "an end of the check" checked
resize 3
have_settings
! servers "$name" | grep -q "$gone" || fail "the deleted server is there"
say "another one is in place of a server that was deleted"

api DELETE orchestration "$at"
await "the end of all servers" ended
[[ -z $(groups_of_stack) ]] || fail "left is: $(groups_of_stack)"
say "nothing is left"
