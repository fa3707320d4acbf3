# shellcheck shell=bash
# The cloud in the folder $state, seen from outside: sourced by up, down, and the tests.
: "${state:?}"

# Whether the process in $state/pid, the first one of its namespaces, is this cloud's.
running() {
  [[ -s $state/pid ]] && tr '\0' '\n' 2>/dev/null <"/proc/$(<"$state/pid")/cmdline" | grep -qxF "$state"
}

enter() { nsenter --target "$(<"$state/pid")" --net --mount --pid -- "$@"; }

# Services first, then what they store in; whatever is left (the guests) goes with the first process.
end_cloud() {
  local pid group
  running || { rm -f "$state/pid"; return 0; }
  pid=$(<"$state/pid")
  for group in services stores; do
    # shellcheck disable=SC2016  # for the shell in there
    enter bash -c 'cd "/run/cloud/pids/$0" || exit 0
      for name in *; do kill -TERM -- "-$(<"$name")"; done
      for name in *; do
        for ((i = 0; i < 100; ++i)); do kill -0 "$(<"$name")" || break; sleep 0.1; done
        rm "$name"
      done' "$group" 2>/dev/null || true
  done
  kill -KILL "$pid"
  while [[ -e /proc/$pid ]]; do sleep 0.05; done
  rm -f "$state/pid"
}
