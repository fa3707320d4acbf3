#!/usr/bin/env bash
# Scripts that fail, look around, write elsewhere, never end; a shell where one failed; and an ordinary user's build.
. "$(dirname "$0")/../harness.sh"

script=$work/set-up.sh out=$work/images
secret=$work/secret
echo 'of this machine' >"$secret"

# A recipe on the smallest base and on Debian's, with the script on standard input.
recipe_for() {  # <base> [<more of the script's entry>]
  cat >"$script"
  jq -n --arg base "$1" --argjson more "${2:-{\}}" '{version: 1, name: "scripted", base: $base,
    command: [(if $base == "minimal" then "/bin/busybox" else "/usr/bin/sleep" end), "infinity"],
    provision: [{script: "set-up.sh"} + $more]}' >"$work/recipe.json"
}
build=(build "$work/recipe.json" -o "$out")
nothing_written() { [ ! -e "$out" ] || [ -z "$(ls -A "$out")" ] || fail "files are there: $(ls -A "$out")"; }
fails() {  # <regex>...: the build fails, and standard error says each
  local regex
  run 1 "${build[@]}"
  for regex in "$@"; do says err "$regex"; done
  nothing_written
}

# It fails: the line, the command, and what it printed.
recipe_for debian:bookworm <<'END'
#!/bin/sh
set -eu
copy() {
  cp /nowhere "$1"
}
echo "preparing"
copy /etc/there
echo "never printed"
END
fails "^vmimage: 'set-up.sh' failed in line [47], 'cp /nowhere /etc/there': it ended with status 1" \
  "^cp: cannot stat '/nowhere'" '^preparing$|\(the end of what it printed' '^--debug-shell opens a shell there'
if grep 'never printed' "$work/err"; then fail 'it went on'; fi
recipe_for debian:bookworm <<'END'
#!/bin/bash
set -euo pipefail
copy() {
  cp /nowhere "$1"
}
copy /etc/there
END
fails "^vmimage: 'set-up.sh' failed in line 4, 'cp /nowhere \"\\\$1\"': it ended with status 1"
recipe_for minimal <<'END'
#!/bin/sh
kill -KILL $$
END
fails "^vmimage: 'set-up.sh' failed.*: it was ended by signal 9 \(Killed\)"
recipe_for minimal <<'END'
#!/usr/bin/nothing
END
fails 'the interpreter that it names, is not in the root file system'

# It looks around and tries to get out: nothing of this machine is there, nothing can be written to it.
recipe_for debian:bookworm <<END
#!/bin/bash
seen() { echo "SEEN: \$*"; }
places=("$secret" "/proc/1/root$secret" "/proc/self/root$secret" "/../../..$secret" "/proc/1/cwd$secret")
for place in "\${places[@]}"; do
  [ ! -e "\$place" ] || seen "\$place"
done
for place in "\${places[@]}"; do
  mkdir -p "\$(dirname "\$place")" 2>/dev/null && echo broken >"\$place" || true
done
for fd in /proc/1/fd/* /proc/self/fd/*; do
  [ ! -e "\$fd/." ] || seen "a folder by \$fd"
done
mount -t tmpfs none /mnt 2>/dev/null && seen 'mounted something'
unshare -m true 2>/dev/null && seen 'made a mount namespace'
unshare -Ur mount -t tmpfs none /mnt 2>/dev/null && seen 'mounted in a namespace'
mknod /tmp/disk b 8 0 2>/dev/null && seen 'made a device'
echo 1 2>/dev/null >/proc/sys/kernel/sysrq && seen 'wrote to the kernel'
chroot /proc/1/root true 2>/dev/null && seen 'left by chroot'
[ "\$(ps ax | grep -c .)" -lt 12 ] || seen 'processes'
kill -0 $$ 2>/dev/null && seen 'the process of the test'
[ "\$(cat /proc/sys/kernel/hostname)" = vmimage ] || seen 'the host name'
[ "\$(grep -c : /proc/net/dev)" = 1 ] || seen 'a network'
[ -z "\${HOME_OF_HOST:-}" ] || seen 'the environment'
exit 0
END
HOME_OF_HOST=yes run 0 "${build[@]}"
if grep 'SEEN' "$work/err"; then fail 'the script saw this machine'; fi
[ "$(cat "$secret")" = 'of this machine' ] || fail 'the script wrote to this machine'
rm -r "$out"

# With network it has that of this machine, and still no file.
recipe_for debian:bookworm '{"network": true}' <<END
#!/bin/bash
[ "\$(grep -c : /proc/net/dev)" -gt 1 ] || exit 5
[ ! -e "$secret" ] || exit 6
[ ! -e /etc/resolv.conf ] || cat /etc/resolv.conf >/etc/seen-resolv.conf
END
if [ "$(grep -c : /proc/net/dev)" -gt 1 ]; then
  run 0 "${build[@]}"
  run 0 ls -l "$out/scripted.qcow2:/etc"
  if [ -s /etc/resolv.conf ]; then says out ' seen-resolv.conf$'; fi
  if grep '^-.* resolv.conf$' "$work/out"; then fail 'the resolver of this machine is in the image'; fi
  rm -r "$out"
fi

# It never ends: a bound, Ctrl-C, and SIGKILL; none of its processes is left.
marker=31$$
sleepers() { pgrep -f "sleep $marker" || true; }
sleeper_runs() { [ "$(sleepers | wc -l)" -ge 3 ]; }
no_sleeper() { [ -z "$(sleepers)" ]; }
endless="#!/bin/sh
trap '' INT TERM HUP
sleep $marker &
setsid sleep $marker &
sleep $marker"
recipe_for debian:bookworm '{"timeout": 2}' <<<"$endless"
fails "^vmimage: 'set-up.sh' failed: it did not end within 2 s" 'longer "timeout"'
await 'the end of its processes' no_sleeper
recipe_for debian:bookworm <<<"$endless"
for signal in INT TERM; do
  start "${build[@]}"
  await 'its processes' sleeper_runs
  kill -"$signal" "$pid"
  expect_end 130
  await 'the end of its processes' no_sleeper
  nothing_written
done
start "${build[@]}"
await 'its processes' sleeper_runs
kill -KILL "$pid"
expect_end 137
await 'the end of its processes' no_sleeper

# A process that it leaves behind does not hold up the build, nor outlive it.
recipe_for debian:bookworm <<<"#!/bin/sh
setsid sleep $marker >/dev/null 2>&1 &
echo done"
run 0 "${build[@]}"
no_sleeper || fail 'a process is left'
rm -r "$out"

# What is no script.
mkdir -p "$out"
recipe_for minimal <<<'echo no interpreter'
run 2 "${build[@]}"
says err "^vmimage: failed to use the script '.*set-up.sh': it does not say what runs it"
rm "$script"
run 2 "${build[@]}"
says err "^vmimage: failed to read the script '.*set-up.sh': no such file"

# A shell where it failed. script(1) brings the terminal.
recipe_for debian:bookworm <<'END'
#!/bin/sh
set -eu
echo here >/etc/marker
false
END
run 2 "${build[@]}" --debug-shell
says err '^vmimage: a shell needs a terminal, and there is none'
if command -v script >/dev/null; then
  # The shell is typed to when it has said that it is there.
  answer() {
    await 'the shell' grep -aq "This is a shell in the root file system" "$work/typescript.log"
    # shellcheck disable=SC2016  # for the shell in there
    printf 'echo "marker: $(cat /etc/marker), user: $(id -u)"; ls -d %s; exit\n' "$secret"
    await 'the end' grep -aq 'failed in line 4' "$work/typescript.log"
  }
  touch "$work/typescript.log"
  status=0
  answer | SHELL=/bin/sh script -qefc "'$VMIMAGE' build '$work/recipe.json' -o '$out' --debug-shell" \
    "$work/typescript.log" >"$work/out" 2>&1 || status=$?
  [ "$status" = 1 ] || fail "--debug-shell ended with $status"
  grep -aq '^marker: here, user: 0' "$work/typescript.log" || fail 'the shell is not where the script failed'
  grep -aq "ls: cannot access '$secret'" "$work/typescript.log" || fail 'the shell saw this machine'
  nothing_written
fi

# The same image for somebody who is not root: numbers that /etc/subuid gives him, and a cache of his own. The file
# that gives them is mounted for this test alone.
if [ "$(id -u)" = 0 ] && [ -e /etc/subuid ] && command -v newuidmap >/dev/null; then
  user=nobody
  echo "$user:100000:65536" >"$work/subordinate"
  recipe_for minimal <<'END'
#!/bin/sh
set -eu
[ "$(id -u)" = 0 ]
echo made >/etc/made
chown 33:44 /etc/made
END
  jq '.command = ["/bin/busybox", "sleep", "1"]' "$work/recipe.json" >"$work/mine.json"
  run 0 build "$work/mine.json" -o "$out"
  mkdir "$work/home"
  cp "$VMIMAGE" "$work/home/vmimage"
  cp "$work/mine.json" "$script" "$work/home"
  chmod 755 "$work"
  chown -R "$user" "$work/home"
  # shellcheck disable=SC2016  # the inner shell's own arguments
  env -i PATH="$PATH" HOME="$work/home" TMPDIR=/tmp unshare --mount sh -ec '
    subordinate=$1 user=$2 group=$3; shift 3
    mount --bind "$subordinate" /etc/subuid
    mount --bind "$subordinate" /etc/subgid
    exec setpriv --reuid "$user" --regid "$group" --init-groups "$@"' - \
    "$work/subordinate" "$user" "$(id -g "$user")" \
    "$work/home/vmimage" build "$work/home/mine.json" -o "$work/home/images" >"$work/out" 2>"$work/err" ||
    fail 'an ordinary user cannot build it'
  cmp "$out/scripted.qcow2" "$work/home/images/scripted.qcow2"
  run 0 ls -l "$work/home/images/scripted.qcow2:/etc/made"
  says out ' 33 +44 | www-data +[a-z]+ '
fi
