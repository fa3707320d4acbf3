#!/usr/bin/env bash
# A second opinion on what is said to AWS, by moto, which nobody here wrote; and what AWS's own clients read there.
#   moto.sh <vmimage> <vmfleet> <image> <folder that moto is kept in>
# moto knows no instance refresh, no network load balancer in a stack, and of an AMI no more than its name; replacing a
# launch template replaces no instance. So nothing of that is asked here: the double is for it (fleet.sh, publish.sh).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
vmfleet=$2
image=$3
root=$4
# shellcheck source=../trixie.sh
. "$here/../trixie.sh"
make_root python3-moto,python3-flask,python3-flask-cors,python3-openapi-spec-validator,python3-yaml,python3-jsonpath-ng
mkdir -p "$root/etc/ssl/certs"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # which its HTTP client reads when it begins
cp "$here/moto-server.py" "$root/tmp/"

(inside python3 /tmp/moto-server.py -H 127.0.0.1 -p 0) >"$work/moto.log" 2>&1 &
double=$!
until port=$(sed -n 's/.*Running on http:.*:\([0-9]*\).*/\1/p' "$work/moto.log") && [[ -n $port ]]; do
  kill -0 $double 2>/dev/null || fail "moto does not start: $(tail -1 "$work/moto.log")"
  sleep 0.1
done
AWS_ENDPOINT_URL=http://127.0.0.1:$port
aws() { no_proxy='*' command aws --endpoint-url "$AWS_ENDPOINT_URL" --region "$AWS_REGION" --output json "$@"; }
say "moto listens"

# An image, block by block.
run 0 publish "$image" --to aws
ami=$(<"$work/out")
snapshot=$(aws ec2 describe-snapshots --owner-ids self | jq -r '.Snapshots[] | select(.Tags // [] | length > 0).SnapshotId')
run 0 convert "$image" --to raw -o "$work/disk.raw"
"$here/moto-read.py" "$AWS_ENDPOINT_URL" "$snapshot" "$work/read.raw"
truncate -s "$(stat -c %s "$work/read.raw")" "$work/disk.raw"
cmp "$work/disk.raw" "$work/read.raw" || fail "the snapshot has another disk"
is "the snapshot's name" "$(aws ec2 describe-snapshots --snapshot-ids "$snapshot" |
  jq -r '.Snapshots[0].Tags[] | select(.Key == "Name").Value')" service
is "the AMI's name" "$(aws ec2 describe-images --image-ids "$ami" | jq -r '.Images[0].Name | split("-")[0]')" service
say "the disk that botocore reads is the image's"

# A fleet: a template that somebody else's CloudFormation takes, and answers that somebody else wrote.
program=$vmfleet
run 0 up "$image" --name shop --driver aws --driver-opt balancer=application --count 2
run 0 status shop --json
is "the fleet" "$(told '"\(.desired) \(.healthy) \(.instances | length)"')" "2 2 2"
is "its stack" "$(aws cloudformation describe-stacks --stack-name vmfleet-shop | jq -r '.Stacks[0].StackStatus')" CREATE_COMPLETE
run 0 scale shop 3
run 0 status shop --json
is "the larger fleet" "$(told '"\(.desired) \(.healthy)"')" "3 3"
is "its group" "$(aws autoscaling describe-auto-scaling-groups | jq '.AutoScalingGroups[0].Instances | length')" 3
run 0 events shop
run 0 down shop
is "what is left" "$(aws autoscaling describe-auto-scaling-groups | jq '.AutoScalingGroups | length') $(
  aws elbv2 describe-load-balancers | jq '.LoadBalancers | length')" "0 0"
say "a fleet came, grew and went"
