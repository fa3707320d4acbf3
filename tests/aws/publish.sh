#!/usr/bin/env bash
# AMIs: sent once, only what has changed, whole or not there; whatever goes wrong.
#   publish.sh <vmimage> <image.qcow2>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
file=$2
start_double
# Digests of a disk's blocks that are not zeroes, as the double tells them.
blocks_of() {
  python3 - "$1" <<'PYTHON'
import hashlib, sys
size, zero = 512 << 10, bytes(512 << 10)
with open(sys.argv[1], "rb") as disk:
    number = 0
    while block := disk.read(size):
        block += bytes(size - len(block))
        if block != zero:
            print(number, hashlib.sha256(block).hexdigest())
        number += 1
PYTHON
}
has_the_disk() {  # <snapshot> <image>
  qemu-img convert -O raw "$2" "$work/disk.raw"
  blocks_of "$work/disk.raw" >"$work/expected"
  state ".snapshots[\"$1\"].blocks | to_entries[] | \"\\(.key) \\(.value)\"" >"$work/there"
  cmp -s "$work/expected" "$work/there" || fail "$1 has other blocks than $2"
}
puts() { state '[.snapshots[].puts | to_entries[] | .value] | add // 0'; }
snapshot_of() { state ".images[\"$1\"].BlockDeviceMappings[0].Ebs.SnapshotId"; }

# The whole way.
run 0 publish "$file" --to aws --json
is "what was done" "$(told .sent)" true
ami=$(told .image.id)
digest=$("$program" inspect "$file" --json | jq -r .digest)
is "the AMI" "$(state ".images[\"$ami\"] | \"\\(.Architecture) \\(.BootMode) \\(.EnaSupport) \\(.ImdsSupport) \\(.RootDeviceName)\"")" \
  "x86_64 uefi-preferred true v2.0 /dev/xvda"
is "its digest" "$(state ".images[\"$ami\"].tags[] | select(.Key == \"vmimage:digest\").Value")" "$digest"
snapshot=$(snapshot_of "$ami")
has_the_disk "$snapshot" "$file"
first=$(puts)
is "blocks sent" "$first" "$(wc -l <"$work/expected")"
run 0 publish "$file" --to aws
is "the second time" "$(<"$work/out")" "$ami"
says err "nothing was sent"
is "blocks sent" "$(puts)" "$first"
run 0 published --to aws --json
is "the list" "$(told '.images[] | "\(.id) \(.complete)"')" "$ami true"
say "published: $first blocks of $(($(stat -c %s "$work/disk.raw") >> 19)); not sent again"


# A launch template names it: it stays.
control "{\"templates\": {\"lt-0123456789abcdef0\": [\"ami-00000000000000000\", \"$ami\"]}}"
run 1 unpublish "$ami" --from aws
says err "launch template name-of-lt-0123456789abcdef0, version 2"
control '{"templates": {}, "templates_gone": ["lt-0123456789abcdef0"]}'
run 0 unpublish "$ami" --from aws
nothing_is_there
say "unpublished: nothing is left"

# Disks that are quick to send, of 24 blocks; a second one has three others, one of them zeroes.
make_disk "$work/first.raw" 24
cp "$work/first.raw" "$work/second.raw"
head -c 600K /dev/urandom | dd of="$work/second.raw" bs=1K seek=2048 conv=notrunc status=none iflag=fullblock
dd if=/dev/zero of="$work/second.raw" bs=512K seek=10 count=1 conv=notrunc status=none
run 0 publish "$work/first.raw" --to aws --name disk
ami=$(<"$work/out")
run 0 publish "$work/second.raw" --to aws --name disk --json
is "what was done" "$(told .sent)" true
snapshot=$(snapshot_of "$(told .image.id)")
is "what was written" "$(state ".snapshots[\"$snapshot\"].written | join(\" \")")" "4 5 10"
is "its parent" "$(state ".snapshots[\"$snapshot\"].parent")" "$(snapshot_of "$ami")"
has_the_disk "$snapshot" "$work/second.raw"
run 0 publish "$work/second.raw" --to aws --name disk --keep 1
is "what is kept" "$(state '.images | length'), $(state '.snapshots | length')" "1, 1"
remove_all
say "only what was different was sent"

# Another machine has published what this one changes: what is there is read, when most of it is the same.
run 0 publish "$work/first.raw" --to aws --name disk
parent=$(snapshot_of "$(<"$work/out")")
before=$(puts)
VMIMAGE_CACHE=$work/another run 0 publish "$work/second.raw" --to aws --name disk
snapshot=$(snapshot_of "$(<"$work/out")")
is "its parent" "$(state ".snapshots[\"$snapshot\"].parent")" "$parent"
is "blocks sent" $(($(puts) - before)) 3
is "blocks read" "$(state .calls.GetSnapshotBlock)" 23
has_the_disk "$snapshot" "$work/second.raw"
make_disk "$work/third.raw" 24
VMIMAGE_CACHE=$work/other run 0 publish "$work/third.raw" --to aws --name disk
is "blocks read" "$(state .calls.GetSnapshotBlock)" $((23 + 16))
is "its parent" "$(state ".snapshots[\"$(snapshot_of "$(<"$work/out")")\"].parent")" null
faults '{"operation": "GetSnapshotBlock", "kind": "deny"}'
cp --sparse=always "$work/third.raw" "$work/fourth.raw"
printf x | dd of="$work/fourth.raw" bs=1 seek=1M conv=notrunc status=none
VMIMAGE_CACHE=$work/fourth run 0 publish "$work/fourth.raw" --to aws --name disk
is "its parent" "$(state ".snapshots[\"$(snapshot_of "$(<"$work/out")")\"].parent")" null
faults ''
remove_all
say "what another machine has published was read"

# What is said of it: tags of our own, and the source's revision, as git knows it where the image is.
run 2 publish "$work/first.raw" --to aws --tag team
says err "is no tag"
run 2 publish "$work/first.raw" --to aws --tag aws:team=x
says err "cannot be given"
mkdir "$work/source"
cp --sparse=always "$work/first.raw" "$work/source/disk.raw"
touch "$work/source/code"
(
  cd "$work/source"
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x
  git init -q . && git add code && git commit -qm x
)
run 0 publish "$work/source/disk.raw" --to aws --tag team=storage --tag note=a=b
is "its tags" "$(state '.images[].tags | from_entries | "\(.team) \(.note) \(.["vmimage:revision"])"')" \
  "storage a=b $(git -C "$work/source" rev-parse HEAD)"
is "those of its snapshot" "$(state '.snapshots[].tags | from_entries | "\(.team) \(.note) \(.["vmimage:revision"])"')" \
  "$(state '.images[].tags | from_entries | "\(.team) \(.note) \(.["vmimage:revision"])"')"
remove_all
echo changed >"$work/source/code"
run 0 publish "$work/source/disk.raw" --to aws
is "the revision" "$(state '.images[].tags | from_entries | .["vmimage:revision"]')" "$(git -C "$work/source" rev-parse HEAD)-dirty"
remove_all
run 0 publish "$work/source/disk.raw" --to aws --revision r17
is "the revision" "$(state '.images[].tags | from_entries | .["vmimage:revision"]')" r17
remove_all
say "tagged"

# Encrypted: by a key of the region, never on top of a snapshot that another one encrypts.
key=arn:aws:kms:eu-central-1:123456789012:key/one
run 0 publish "$work/first.raw" --to aws --name disk
run 2 publish "$work/first.raw" --to aws --name disk --kms-key $key
says err "encrypted with no --kms-key"
run 0 publish "$work/second.raw" --to aws --name disk --kms-key $key
is "key and parent" "$(state ".snapshots[\"$(snapshot_of "$(<"$work/out")")\"] | \"\\(.kms) \\(.parent)\"")" "$key null"
cp --sparse=always "$work/second.raw" "$work/third.raw"
printf x | dd of="$work/third.raw" bs=1 seek=1M conv=notrunc status=none
run 0 publish "$work/third.raw" --to aws --name disk --kms-key $key
snapshot=$(snapshot_of "$(<"$work/out")")
is "key" "$(state ".snapshots[\"$snapshot\"].kms")" "$key"
is "what was written" "$(state ".snapshots[\"$snapshot\"].written | join(\" \")")" 2
before=$(state .calls.StartSnapshot)
run 2 publish "$work/first.raw" --to aws --name disk --kms-key alias/mine
says err "not the ARN of a key"
run 2 publish "$work/first.raw" --to aws --name disk --kms-key ${key/central/west}
says err "is not of eu-central-1"
is "snapshots begun" "$(state .calls.StartSnapshot)" "$before"
remove_all
say "encrypted"

# With a TPM: by UEFI only.
run 2 publish "$work/first.raw" --to aws --name disk --tpm
says err "needs UEFI"
run 0 publish "$file" --to aws --tpm
is "the AMI" "$(state '.images[] | "\(.BootMode) \(.TpmSupport)"')" "uefi v2.0"
run 0 publish "$file" --to aws --tpm
remove_all
run 0 publish "$file" --to aws
run 2 publish "$file" --to aws --tpm
says err "without a TPM"
remove_all
say "with a TPM"

# Killed on the way: what has arrived is not sent again.
faults '{"operation": "PutSnapshotBlock", "kind": "slow", "after": 4}'
"$program" publish "$work/first.raw" --to aws --name disk >"$work/out" 2>"$work/err" &
publisher=$!
until (($(puts) >= 8)); do kill -0 $publisher || fail "ended before it was killed"; sleep 0.02; done
kill -KILL $publisher
wait $publisher 2>/dev/null || true
run 0 published --to aws
says out "incomplete"
arrived=$(grep -c '^[0-9]' "$work"/state/vmimage/aws/*.journal)
((arrived >= 1)) || fail "nothing was noted"
sleep 1  # what is still under way in the double
before=$(puts)
faults ''
run 0 publish "$work/first.raw" --to aws --name disk
is "blocks sent after that" $(($(puts) - before)) $((24 - arrived))
is "snapshots" "$(state '.snapshots | length')" 1
has_the_disk "$(snapshot_of "$(<"$work/out")")" "$work/first.raw"
remove_all
say "killed after $arrived blocks, and gone on with"

# The service has too much to do, or is not there for a moment, or takes in rubbish.
faults '{"operation": "PutSnapshotBlock", "kind": "throttle", "rate": 0.8}, {"operation": "*", "kind": "throttle", "rate": 0.5}'
run 0 publish "$work/first.raw" --to aws --name disk
faults ''
remove_all
say "throttled"
faults '{"operation": "*", "kind": "cut", "rate": 0.2}, {"operation": "PutSnapshotBlock", "kind": "lose", "rate": 0.2},
  {"operation": "*", "kind": "broken", "rate": 0.1}, {"operation": "PutSnapshotBlock", "kind": "damage", "count": 2}'
run 0 publish "$work/first.raw" --to aws --name disk
faults ''
has_the_disk "$(snapshot_of "$(<"$work/out")")" "$work/first.raw"
remove_all
for operation in StartSnapshot CompleteSnapshot RegisterImage; do
  faults "{\"operation\": \"$operation\", \"kind\": \"lose\", \"count\": 1}"
  run 0 publish "$work/first.raw" --to aws --name disk
  is "snapshots after $operation" "$(state '.snapshots | length')" 1
  faults ''
  remove_all
done
say "cut, and answers lost"
faults '{"operation": "PutSnapshotBlock", "kind": "damage"}'
run 1 publish "$work/first.raw" --to aws --name disk
says err "another checksum"
nothing_is_there
say "damaged for good: nothing is left"

# One call that the account may not make.
faults '{"operation": "StartSnapshot", "kind": "quota"}'
run 1 publish "$work/first.raw" --to aws --name disk
says err "a quota of the account"
for operation in StartSnapshot PutSnapshotBlock CompleteSnapshot; do
  faults "{\"operation\": \"$operation\", \"kind\": \"deny\"}"
  run 1 publish "$work/first.raw" --to aws --name disk
  says err "the account may not do that"
  nothing_is_there
done
faults '{"operation": "RegisterImage", "kind": "deny"}'
run 1 publish "$work/first.raw" --to aws --name disk
says err "publishing again sends nothing"
before=$(puts)
faults ''
run 0 publish "$work/first.raw" --to aws --name disk
is "blocks sent again" "$(puts)" "$before"
remove_all
say "not allowed"

# EBS gives up what nobody goes on with.
faults '{"operation": "PutSnapshotBlock", "kind": "cut"}'
run 1 publish "$work/first.raw" --to aws --name disk
says err "failed to talk to EBS"
control "{\"faults\": [], \"given_up\": [\"$(state '.snapshots | keys[0]')\"]}"
run 0 publish "$work/first.raw" --to aws --name disk
is "snapshots" "$(state '.snapshots | length')" 1
say "given up, and published"

# Two at once, on two machines.
run 0 unpublish "$(<"$work/out")" --from aws
"$program" publish "$work/first.raw" --to aws --name disk >"$work/one" 2>"$work/one.err" &
one=$!
XDG_RUNTIME_DIR=$work XDG_STATE_HOME=$work/other VMIMAGE_CACHE=$work/other \
  "$program" publish "$work/first.raw" --to aws --name disk >"$work/two" 2>"$work/two.err" || fail "$(<"$work/two.err")"
wait $one || fail "$(<"$work/one.err")"
is "two at once" "$(<"$work/one")" "$(<"$work/two")"
is "what they made" "$(state '"\(.images | length) \(.snapshots | length)"')" "1 1"
remove_all
say "two publishers at once"

# Credentials that end on the way are fetched again, by the AWS CLI.
cat >"$work/credentials" <<SH
#!/bin/sh
n=\$(cat "$work/count" 2>/dev/null || echo 0)
n=\$((n + 1))
echo \$n >"$work/count"
printf '{"Version": 1, "AccessKeyId": "ASIATEST%s", "SecretAccessKey": "s", "SessionToken": "t+/=%s", "Expiration": "%s"}' \$n \$n \
  "\$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)"
SH
chmod +x "$work/credentials"
printf '[profile short]\nregion = eu-central-1\ncredential_process = %s\n' "$work/credentials" >"$work/config"
control '{"keys": {"ASIATEST1": {"secret": "s", "token": "t+/=1", "ended_after": 12}, "ASIATEST2": {"secret": "s", "token": "t+/=2"}}}'
if PATH=/usr/bin:$PATH aws --version >/dev/null 2>&1; then
  (
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
    export PATH=/usr/bin:$PATH
    run 0 publish "$work/first.raw" --to aws --name disk --profile short
    is "times that credentials were asked for" "$(<"$work/count")" 2
    AWS_PROFILE=none run 2 published --to aws --region eu-central-1
    says err "failed to find AWS credentials"
    run 2 published --to aws
    says err "no AWS region is set"
  )
  remove_all
  say "credentials fetched again"
else
  say "not tried: there is no AWS CLI (awscli)"
fi
control '{"keys": {"AKIDTEST": {"secret": "secret/of+test", "ended_after": 12}}}'
run 1 publish "$work/first.raw" --to aws --name disk
says err "get new credentials and publish again"
control '{"keys": {"AKIDTEST": {"secret": "secret/of+test"}}}'
run 0 publish "$work/first.raw" --to aws --name disk
is "snapshots" "$(state '.snapshots | length')" 1
remove_all
AWS_SECRET_ACCESS_KEY=wrong run 1 published --to aws
says err "the credentials are those of the environment"
run 2 published --to aws --cloud mine

# What a build with FORMATS ami does.
cp --sparse=always "$file" "$work/service-vm.qcow2"
cat >"$work/image.cmake" <<CMAKE
set(vm_program [==[$program]==])
set(vm_source [==[$work/source]==])
set(vm_ami_region eu-central-1)
set(vm_ami_options --keep 2)
CMAKE
(
  unset AWS_REGION
  cmake -DIMAGE="$work/image.cmake" -DFOLDER="$work" -DSTEM=service-vm -P "$here/../../cmake/VMImagePublish.cmake" 2>"$work/err" ||
    fail "$(<"$work/err")"
)
is "the AMI of the build" "$(jq -r .image.id "$work/service-vm.ami.json")" "$(state '.images | keys[0]')"
is "its revision" "$(state '.images[].tags | from_entries | .["vmimage:revision"]')" "$(git -C "$work/source" rev-parse HEAD)-dirty"
remove_all
run 1 published --to aws --region us-east-1
say "refused"
