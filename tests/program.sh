# shellcheck shell=bash disable=SC2154
# Runs vmimage and looks at what it said, for the tests of publishing. Whoever sources it has `program`, the folder `work`, and
# `fail`.

# run <status> <argument>...: vmimage with these has to end with this status.
run() {
  local expected=$1 status=0
  shift
  "$program" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  [[ $status == "$expected" ]] || fail "vmimage $* ended with $status, not $expected: $(<"$work/err")"
}
says() { grep -Eq -- "$2" "$work/$1" || fail "it does not say '$2' but: $(<"$work/$1")"; }
told() { jq -r "$1" "$work/out"; }
is() { [[ $2 == "$3" ]] || fail "$1 is '$2', not '$3'"; }
