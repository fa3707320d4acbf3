# Times, sizes and their words; sourced by script/bench and script/bench-peers, which set prefix, work and log.
# shellcheck shell=bash

# time_of <command>...: the run's microseconds are added to the list `samples`.
time_of() {
  local start=${EPOCHREALTIME/./} end
  "$@" >>"${log:?}" 2>&1 || { tail -20 "$log" >&2; echo "bench: failed: $*" >&2; exit 1; }
  end=${EPOCHREALTIME/./}
  samples+=($((end - start)))
}

row() { printf '| %-58s | %-10s | %-44s |\n' "$1" "$2" "$3"; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
seconds() { awk -v us="$1" 'BEGIN { printf (us < 10000000 ? "%.3f s" : "%.1f s"), us / 1000000 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / b }'; }
mebibytes() { awk -v b="$1" 'BEGIN { printf "%.1f MiB", b / 1048576 }'; }
allocated() { stat --format='%b %B' "$1" | { read -r blocks size; echo $((blocks * size)); }; }
apparent() { stat --format=%s "$1"; }

# sample <array> <key> <runs> <before> <command>...: the median of the runs goes to <array>[<key>].
sample() {
  local -n results=$1
  local key=$2 runs=$3 before=$4 samples=() run
  shift 4
  for run in $(seq "$runs"); do
    echo "bench: $key, run $run of $runs: $*" >>"$log"
    "$before" >>"$log" 2>&1
    time_of "$@"
  done
  # shellcheck disable=SC2004,SC2034  # the caller's, with words for keys
  results[$key]=$(median "${samples[@]}")
}

# boot <image> [<options>...]: the median time from the start of the command to the first healthy answer.
boot() {
  local image=$1 run start end samples=()
  shift
  for run in $(seq "${few:-3}"); do
    start=${EPOCHREALTIME/./}
    # shellcheck disable=SC2016  # the client's shell writes the time
    "${prefix:?}/bin/vmimage" boot "$image" "$@" --check --timeout 600 -- \
      bash -c 'echo "${EPOCHREALTIME/./}" >"$0"' "${work:?}/answered" >>"$log" 2>&1 ||
      { tail -20 "$log" >&2; exit 1; }
    end=$(<"$work/answered")
    samples+=($((end - start)))
  done
  median "${samples[@]}"
}
