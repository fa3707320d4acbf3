#!/usr/bin/env bash
# What every driver owes (tests/conformance), on the cloud.
#   conformance.sh <folder of the cloud> <conformance> <folder of the images>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
only_when_asked
export VMFLEET_IMAGES=$3
"$2" --gtest_filter='Openstack/*' | tee "$work/out"
! grep -q SKIPPED "$work/out" || fail "it was skipped"
