#!/usr/bin/env bash
# Images in Glance: sent once, found by whoever has the right credentials, whole or not there.
#   publish.sh <folder of the cloud> <vmimage> <image.qcow2>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../program.sh
. "$here/../program.sh"
program=$2
file=$3
export TMPDIR=$work
images() { api GET image "/v2/images?tag=vmimage&vmimage_name=$name" | jq -r ".images[] | $1"; }
remove_images() {
  local id
  for id in $(images .id); do api DELETE image "/v2/images/$id"; done
}
clean_up remove_images

run 0 publish "$file" --to openstack --name "$name" --json
is "what was done" "$(told .sent)" true
id=$(told .image.id)
is "the image" "$(images '"\(.id) \(.status) \(.size) \(.min_ram) \(.min_disk) \(.hw_disk_bus) \(.hw_firmware_type)"')" \
  "$id active $(stat -c %s "$file") 128 1 virtio bios"
is "its digest" "$(images .vmimage_digest)" "$("$program" inspect "$file" --json | jq -r .digest)"
say "published"

run 0 publish "$file" --to openstack --name "$name"
is "the second time" "$(<"$work/out")" "$id"
says err "nothing was sent"
is "the images" "$(images .id)" "$id"
run 0 published --to openstack --json
is "the list" "$(told ".images[] | select(.name == \"$name\").id")" "$id"
say "not sent again"

# Another disk, under the same name: the one that is kept.
truncate -s 512M "$work/random.raw"
head -c 500M /dev/urandom | dd of="$work/random.raw" conv=notrunc bs=1M status=none iflag=fullblock
qemu-img convert -f raw -O qcow2 "$work/random.raw" "$work/large.qcow2"
rm "$work/random.raw"

# Glance is killed while it is at it.
"$program" publish "$work/large.qcow2" --to openstack --name "$name" >"$work/out" 2>"$work/err" &
upload=$!
large() { [[ -n $(find "$state/glance" -size +30M -newer "$work/large.qcow2" -print -quit) ]]; }
until large; do
  kill -0 $upload 2>/dev/null || fail "the upload ended before Glance was killed: $(<"$work/err")"
  sleep 0.02
done
# shellcheck disable=SC2016  # for the shell in there
enter bash -c 'kill -KILL -- "-$(cat /run/cloud/pids/services/glance)"'
status=0
wait $upload || status=$?
is "the exit status without Glance" $status 1
says err "failed to talk to Glance at 'http://127.0.0.1:9292': "
run 1 published --to openstack
says err "no connection"
"$here/up" "$state" >"$work/up"
is "what is left" "$(images .status | sort | tr '\n' ' ')" "active saving "
run 0 published --to openstack
says out "\\(incomplete\\)"
run 0 publish "$work/large.qcow2" --to openstack --name "$name" --keep 1 --json
is "after the cut" "$(told .sent)" true
is "what was removed" "$(told '.removed[]')" "$id"
is "what is there" "$(images '"\(.id) \(.status)"')" "$(told .image.id) active"
say "published after a cut; the older one is gone"

# Whoever may.
run 0 published --to openstack --cloud test-tls --json
is "the list by TLS" "$(told ".images[] | select(.name == \"$name\").name")" "$name"
run 1 published --to openstack --cloud test-untrusted
says err "certificate"
says err "OS_CACERT"
user=$(api GET identity '/users?name=admin' | jq -r '.users[0].id')
api POST identity "/users/$user/application_credentials" "{\"application_credential\": {\"name\": \"$name\"}}" >"$work/secret"
clean_up api DELETE identity "/users/$user/application_credentials/$(jq -r .application_credential.id "$work/secret")"
unset OS_CLOUD
export OS_AUTH_URL=http://127.0.0.1:5000/v3
OS_USERNAME=admin OS_PASSWORD=test OS_PROJECT_NAME=admin run 2 published --to openstack
says err "more than one region: test, tls"
export OS_REGION_NAME=test
OS_APPLICATION_CREDENTIAL_ID=$(jq -r .application_credential.id "$work/secret") \
  OS_APPLICATION_CREDENTIAL_SECRET=$(jq -r .application_credential.secret "$work/secret") \
  run 0 unpublish "$(images .id)" --from openstack
is "what is left" "$(images .id)" ""
say "found by TLS, and by an application credential"

# Whoever may not.
OS_USERNAME=admin OS_PASSWORD=wrong OS_PROJECT_NAME=admin run 1 published --to openstack
says err "failed to log in at 'http://127.0.0.1:5000/v3'"
says err "the environment"
run 2 published --to openstack --cloud tset
says err "did you mean 'test'"
run 2 unpublish 00000000 --from openstack --cloud test
says err "no published image is '00000000'"
run 2 published --to opnstack --cloud test
says err "did you mean 'openstack'"
say "refused"
