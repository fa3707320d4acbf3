#!/bin/bash
# Starts a build, and interrupts it as Ctrl-C does once vmimage is at work.
# interrupt.sh SIGNAL FOLDER
set -u -m
"$CMAKE" --build "$2" &
for ((i = 0; i < 600; i++)); do
  [[ -s $VMIMAGE_STAND_IN_HANGS ]] && break
  sleep 0.1
done
kill "-$1" -- "-$!"
wait "$!"
status=$?
# vmimage itself is gone with it.
worker=$(<"$VMIMAGE_STAND_IN_HANGS")
for ((i = 0; i < 100; i++)); do
  kill -0 "$worker" 2>/dev/null || exit "$((status == 0))"
  sleep 0.1
done
echo "process $worker is still there" >&2
exit 3
