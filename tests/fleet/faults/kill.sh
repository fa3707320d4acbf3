#!/usr/bin/env bash
# SIGKILL at random to supervisor, balancer and instances of a fleet under load: afterwards the count is right, nothing
# is left of those that died, and no request failed but those that were on their way through what was killed.
# FAULT_SECONDS says how long it goes on.
# shellcheck source-path=SCRIPTDIR/..
source "$(dirname "$0")/../lib.sh"
image=$2/faulty.qcow2
load=$3
threads=4 count=3

endpoint=$(vmfleet up "$image" --name kill --count $count --timeout $limit)
"$load" "${endpoint##*:}" $threads >"$work/counted" 2>"$work/failed" &
client=$!

answer_all() { [[ $(answering "$endpoint" | wc -l) == "$count" ]]; }

called() { # called <name>: this fleet's processes that are called so
  local pid
  for pid in $(processes); do
    if grep -qs "^$1" "/proc/$pid/comm"; then echo "$pid"; fi
  done
}

say "killed at random, seed ${RANDOM_SEED:=$RANDOM}"
RANDOM=$RANDOM_SEED
killed_instances=0 killed_balancers=0 killed_supervisors=0
until=$((SECONDS + ${FAULT_SECONDS:-20}))
while ((SECONDS < until)); do
  # Instances one at a time: when none is left, nobody can answer.
  case $((RANDOM % 4)) in
    0) victims=$(supervisors kill) ;;
    1) victims=$(called haproxy) ;;
    *) victims=$(is kill .healthy $count && pids kill | sed -n "$((RANDOM % count + 1))p") || true ;;
  esac
  for pid in $victims; do
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      qemu*) kill -9 "$pid" && killed_instances=$((killed_instances + 1)) ;;
      haproxy) kill -9 "$pid" && killed_balancers=$((killed_balancers + 1)) ;;
      vmfleet) kill -9 "$pid" && killed_supervisors=$((killed_supervisors + 1)) ;;
    esac || true
  done
  sleep 0.$((5 + RANDOM % 5))
  vmfleet status kill >/dev/null # whoever looks starts a supervisor again
  if ((RANDOM % 2)); then sleep $((RANDOM % 3)); fi
done

say "the count is right again: killed were $killed_instances instances, $killed_balancers balancers," \
  "$killed_supervisors supervisors"
((killed_instances > 0)) || fail "no instance was killed"
back() { is kill '.settled and .healthy == 3 and (.instances | length) == 3' true; }
await $limit "all instances" back
await 20 "an answer of each" answer_all
kill -TERM "$client"
wait "$client"
client=
cat "$work/counted"
IFS='= ' read -r _ answered _ _ _ failed <"$work/counted"
allowed=$(((killed_instances + killed_balancers) * threads))
((answered > 0 && failed <= allowed)) || fail "$failed requests failed, $allowed at most may: $(sort "$work/failed" | uniq -c)"

say "nothing is left of those that died"
same() { # same <what> <what there is> <ids>
  [[ $2 == "$3" ]] || fail "$1: there are"$'\n'"$2"$'\n'"but the instances are"$'\n'"$3"
}
ids=$(status kill '.instances[].id' | sort)
instances() { grep -vx 'kill-0' | sort; } # that is what a snapshot is made of
same "folders" "$(find "$XDG_STATE_HOME/vmfleet/kill/instances" -mindepth 1 -maxdepth 1 -printf '%f\n' | instances)" "$ids"
same "sockets" "$(cd "$XDG_RUNTIME_DIR/vmfleet"/*/ && find . -name qmp | sed 's,^./\(.*\)/qmp,kill-\1,' | instances)" "$ids"
same "machines" "$(machines | sort)" "$(pids kill)"
[[ $(called haproxy | wc -l) == 1 && $(supervisors kill | wc -l) == 1 ]] ||
  fail "running are: $(for pid in $(processes); do tr '\0' ' ' <"/proc/$pid/cmdline"; echo; done)"

say "down leaves nothing"
vmfleet down kill
nothing_left
