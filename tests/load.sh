# shellcheck shell=bash disable=SC2154
# Load on a service, and whether any request of it failed, by wrk. Whoever sources it has `endpoint`, the folder `work`, and
# `fail`; `client` is the process while there is load.
command -v wrk >/dev/null || { echo "skipped: wrk is missing"; exit 77; }

# As many requests as are answered, until unload; `connections`, and `patience` in seconds with each answer, may be set.
load() {
  env --default-signal=INT wrk -t1 -c"${connections:-8}" -d1h --timeout "${patience:-20}s" "$endpoint/" >"$work/wrk" 2>&1 &
  client=$!
}

unload() {
  kill -INT "$client"
  wait "$client" || true
  client=
}

# unload_whole: none of the requests failed.
unload_whole() {
  unload
  [[ $(sed -n 's/ *\([0-9]*\) requests in .*/\1/p' "$work/wrk") -gt 0 ]] || fail "no load at all: $(cat "$work/wrk")"
  ! grep -E 'Socket errors|Non-2xx' "$work/wrk" || fail "requests failed"
  grep 'requests in' "$work/wrk"
}
