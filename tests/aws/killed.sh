#!/usr/bin/env bash
# SIGKILL in every phase, before AWS has done what it was asked for, and after: the next run finishes it, and nothing is left
# that 'published' does not list and 'unpublish' does not remove.
#   killed.sh <vmimage>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start_double
make_disk "$work/old.raw" 6
cp --sparse=always "$work/old.raw" "$work/disk.raw"
head -c 1500K /dev/urandom | dd of="$work/disk.raw" bs=1K seek=1024 conv=notrunc status=none iflag=fullblock
for name in old disk; do qemu-img convert -O qcow2 "$work/$name.raw" "$work/$name.qcow2"; done
calls() { state ".calls.$1 // 0"; }
puts() { state '[.snapshots[].puts | to_entries[] | .value] | add // 0'; }
# What there is, without what has changed since with the time: AMIs and snapshots of both regions, whom they are shared with.
everything() {
  state '[.regions[] | (.images, .snapshots) | to_entries[] | "\(.key[0:4]):\(.value.shared | join("+"))"] | join(" ")'
}
publish=(publish "$work/disk.qcow2" --to aws --name disk --regions eu-west-1 --share-with 123456789012)

# killed_in <operation> <hold|held> <vmimage's arguments>...: killed when that is asked for.
killed_in() {
  local operation=$1 kind=$2 before publisher
  shift 2
  before=$(calls "$operation")
  faults "{\"operation\": \"$operation\", \"kind\": \"$kind\"}"
  "$program" "$@" >"$work/out" 2>"$work/err" </dev/null &
  publisher=$!
  until (($(calls "$operation") > before)); do
    kill -0 $publisher 2>/dev/null || fail "$operation was not asked for: $(<"$work/err")"
    sleep 0.02
  done
  # Those that do the same at the same time (blocks) are to come as far as this one.
  sleep 0.1
  kill -KILL $publisher
  wait $publisher 2>/dev/null || true
  faults ''
  sleep 0.1
}

run 0 publish "$work/old.qcow2" --to aws --name disk
before=$(puts)
for operation in StartSnapshot PutSnapshotBlock CompleteSnapshot RegisterImage CreateTags CopyImage ModifySnapshotAttribute \
  ModifyImageAttribute; do
  for kind in hold held; do
    killed_in $operation $kind "${publish[@]}"
    run 0 "${publish[@]}"
    ami=$(<"$work/out")
    run 0 published --to aws --json
    is "incomplete after $operation, $kind" "$(told '[.images[] | select(.complete | not)] | length')" 0
    is "listed after $operation, $kind" "$(told '[.images[] | .id, .copies[].id] | length')" 3
    is "what there is after $operation, $kind" "$(everything)" "ami-: ami-:123456789012 snap: snap:123456789012 ami-:123456789012 snap:123456789012"
    # Of 3 blocks, those that had arrived, though we were not told so, come once more.
    sent=$(($(puts) - before))
    ((sent == 3 || (sent <= 6 && ${#operation} == 16))) || fail "$sent blocks were sent after $operation, $kind"
    run 0 unpublish "$ami" --from aws
    is "what is left after $operation, $kind" "$(everything)" "ami-: snap:"
  done
  say "killed in $operation"
done
remove_all

for operation in DeregisterImage DeleteSnapshot; do
  for kind in hold held; do
    run 0 "${publish[@]}"
    killed_in $operation $kind unpublish "$(<"$work/out")" --from aws
    remove_all
  done
  say "killed in $operation"
done
