#!/usr/bin/env bash
# What every driver owes (tests/conformance), on the double.
#   conformance.sh <conformance> <folder of the images>
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start_double
export VMFLEET_IMAGES=$2
"$program" --gtest_filter='Aws/*' | tee "$work/out"
! grep -q SKIPPED "$work/out" || fail "it was skipped"
