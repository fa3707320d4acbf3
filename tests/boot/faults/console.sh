#!/usr/bin/env bash
# The console on a terminal: what the guest prints is seen, Ctrl-] ends it, and the terminal is as it was.
. "$(dirname "$0")/../harness.sh"
command -v script >/dev/null || exit 77

use_image hello-minimal
# The settings of the terminal before and after go to files, since the terminal itself is script's.
cat >"$work/session" <<END
stty -a >'$work/before'
status=0
'$VMIMAGE' boot '$image' || status=\$?
stty -a >'$work/after'
exit \$status
END
mkfifo "$work/keys"
script -qefc "bash '$work/session'" "$work/screen.log" <"$work/keys" >/dev/null &
pid=$!
exec 3>"$work/keys"
listening() { grep -q 'hello: listening' "$work/screen.log" 2>/dev/null; }
await 'the service' listening
printf '\003' >&3  # Ctrl-C is the guest's
sleep 1
machine_runs || fail "Ctrl-C ended the machine"
printf '\035' >&3
expect_end 0
exec 3>&-
grep -q 'leads to port 8080' "$work/screen.log"
cmp "$work/before" "$work/after"
