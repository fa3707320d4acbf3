#!/usr/bin/env bash
# AMIs that are copied to other regions, and shared with other accounts.
#   regions.sh <vmimage>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start_double
make_disk "$work/disk.raw" 6
ids() { state "[.regions[\"$1\"].images | keys[]] | join(\" \")"; }
shared() { state "[.regions[] | (.images, .snapshots) | to_entries[] | \"\\(.value.shared | join(\"+\"))\"] | unique | join(\" \")"; }

# The whole way: copied, found again, listed with its copies, removed with them.
run 0 publish "$work/disk.raw" --to aws --regions eu-west-1,eu-north-1 --tag team=storage --json
ami=$(told .image.id)
is "its copies" "$(told '[.image.copies[] | "\(.region) \(.id) \(.complete)"] | join(" ")')" \
  "eu-north-1 $(ids eu-north-1) true eu-west-1 $(ids eu-west-1) true"
is "its tags there" "$(state '[.regions["eu-west-1"] | (.images, .snapshots)[].tags | from_entries | "\(.team) \(.["vmimage:source"])"] | join(" ")')" \
  "storage eu-central-1 storage eu-central-1"
is "its blocks there" "$(state '.regions["eu-west-1"].snapshots[].blocks | tostring')" "$(state '.snapshots[].blocks | tostring')"
is "how it boots there" "$(state '.regions["eu-north-1"].images[].BootMode')" legacy-bios
copies=$(state .calls.CopyImage)
run 0 publish "$work/disk.raw" --to aws --regions eu-west-1,eu-north-1
is "what is printed" "$(<"$work/out")" "$ami"
is "copies made" "$(state .calls.CopyImage)" "$copies"
run 0 published --to aws
is "lines" "$(wc -l <"$work/out")" 1
says out "eu-north-1: $(ids eu-north-1), eu-west-1: $(ids eu-west-1)"
control "{\"region\": \"eu-west-1\", \"templates\": {\"lt-0123456789abcdef0\": [\"$(ids eu-west-1)\"]}}"
run 1 unpublish "$ami" --from aws
says err "name-of-lt-0123456789abcdef0, version 1 in eu-west-1"
control '{"region": "eu-west-1", "templates_gone": ["lt-0123456789abcdef0"]}'
run 0 unpublish "$ami" --from aws
nothing_is_there
say "copied to two regions, and removed from all three"

# Afterwards, to one more; the old one goes with its copies; what lost its image is listed and removed.
run 0 publish "$work/disk.raw" --to aws --name disk
run 0 publish "$work/disk.raw" --to aws --name disk --regions eu-west-1
is "copies there" "$(ids eu-west-1 | wc -w)" 1
old=$(ids eu-west-1)
make_disk "$work/next.raw" 6
run 0 publish "$work/next.raw" --to aws --name disk --regions eu-west-1 --keep 1
is "copies there" "$(ids eu-west-1 | wc -w)" 1
[[ $(ids eu-west-1) != "$old" ]] || fail "the old copy was kept"
control "{\"images_gone\": [\"$(ids eu-central-1)\"]}"
run 0 published --to aws
says out "^snap-.*incomplete.*eu-west-1: ami-"
run 0 publish "$work/next.raw" --to aws --name disk --regions eu-west-1
is "copies there" "$(ids eu-west-1 | wc -w)" 1
is "what there is" "$(state '[.regions[] | (.snapshots, .images) | length] | join(" ")')" "1 1 1 1 0 0"
control "{\"region\": \"eu-west-1\", \"images_gone\": [\"$(ids eu-west-1)\"]}"
remove_all
say "kept, lost, and found"

# One region fails: the other one is finished, and so is this one the next time.
faults '{"operation": "CopyImage", "kind": "deny", "count": 1}'
run 1 publish "$work/disk.raw" --to aws --regions eu-west-1,eu-north-1
says err "failed to copy 'ami-[0-9a-f]+' to eu-north-1: .*not allowed"
is "copies" "$(ids eu-west-1 | wc -w), $(ids eu-north-1 | wc -w)" "1, 0"
faults ''
run 0 publish "$work/disk.raw" --to aws --regions eu-west-1,eu-north-1
is "copies" "$(ids eu-west-1 | wc -w), $(ids eu-north-1 | wc -w)" "1, 1"
control "{\"region\": \"eu-west-1\", \"failed\": [\"$(ids eu-west-1)\"]}"
run 0 published --to aws
says out "eu-west-1: ami-[0-9a-f]+ .incomplete"
old=$(ids eu-west-1)
run 0 publish "$work/disk.raw" --to aws --regions eu-west-1,eu-north-1
[[ $(ids eu-west-1) != "$old" ]] || fail "the copy that failed was kept"
remove_all
say "a region that fails"

# Shared, everywhere; with what no other account can use, nothing is begun.
run 0 publish "$work/disk.raw" --to aws --regions eu-west-1 --share-with 123456789012,210987654321
is "whom it is shared with" "$(shared)" "123456789012+210987654321"
remove_all
begun_before=$(state .calls.StartSnapshot)
run 2 publish "$work/disk.raw" --to aws --share-with 12345
says err "give its 12 digits"
control '{"region": "eu-west-1", "default_key": "alias/aws/ebs"}'
run 2 publish "$work/disk.raw" --to aws --regions eu-west-1 --share-with 123456789012
says err "published in eu-west-1 is encrypted by the key that AWS keeps"
key=arn:aws:kms:eu-central-1:123456789012:key/one
run 2 publish "$work/disk.raw" --to aws --regions eu-west-1 --share-with 123456789012 --kms-key $key
says err "there is no --kms-key of eu-west-1"
run 2 publish "$work/disk.raw" --to aws --regions "eu west"
says err "is no AWS region"
is "snapshots begun" "$(state .calls.StartSnapshot)" "$begun_before"
nothing_is_there
run 0 publish "$work/disk.raw" --to aws --regions eu-west-1 --share-with 123456789012 --kms-key $key --kms-key ${key/central/west}
is "keys" "$(state '[.regions[].snapshots[].kms] | join(" ")')" "$key ${key/central/west}"
is "whom it is shared with" "$(shared)" "123456789012"
remove_all
run 2 publish "$work/disk.raw" --to openstack --share-with 123456789012
run 2 published --to openstack --regions eu-west-1
say "shared"
