#!/usr/bin/env bash
# Settings and secrets of a deployment, on the image of a base: <vmfleet> <folder> <image>
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
image=$2/$3

mkdir "$work/secrets"
printf 'geheim\0\n\377 "x" %sy' '$' >"$work/secrets/db"
: >"$work/secrets/empty"
head -c 65536 /dev/urandom >"$work/secrets/large"
chmod 600 "$work"/secrets/*
printf '# of the test\nGREETING=from the file\n\nQUOTED="a b" # c\n' >"$work/settings"

say "settings from a file, one overridden, and secrets"
endpoint=$(vmfleet up "$image" --name one --timeout $limit --env GREETING=typed --env-file "$work/settings" \
  --secret "db-password.1=$work/secrets/db" --secret "empty=$work/secrets/empty" --secret "large=$work/secrets/large")
[[ $(get "$endpoint/env/GREETING") == typed ]] || fail "GREETING is $(get "$endpoint/env/GREETING")"
[[ $(get "$endpoint/env/QUOTED") == '"a b" # c' ]] || fail "QUOTED is $(get "$endpoint/env/QUOTED")"

same() { # same <name> <file>: the service has the bytes of the file
  get "$endpoint/secret/$1" >"$work/got" || fail "the service has no secret '$1'"
  cmp "$work/got" "$2" || fail "the secret '$1' is another one"
}
same db-password.1 "$work/secrets/db"
same empty "$work/secrets/empty"
same large "$work/secrets/large"

say "they are files of the service alone, where systemd has them"
get "$endpoint/credentials" >"$work/credentials"
read -r folder _ user <"$work/credentials"
[[ $folder == /run/credentials/service.service && $user != 0 ]] || fail "credentials: $(cat "$work/credentials")"
[[ $(grep -c unreadable "$work/credentials") == 0 && $(wc -l <"$work/credentials") == 5 ]] ||
  fail "credentials: $(cat "$work/credentials")"
# systemd gives them to the user by an access-control list, of which the mode shows the mask as the group's.
while read -r mode _; do
  [[ $mode == [45][0145]0 ]] || fail "mode $mode: $(cat "$work/credentials")"
done < <(tail -n +2 "$work/credentials")

say "on this machine, they are for its user only, and in no command line, log or status"
leaks=$(grep -rlF geheim --include='*.json*' --include='*.log' "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR" || true)
[[ -z $leaks ]] || fail "a secret is in $leaks"
vmfleet status one --json >"$work/status"
vmfleet events one >"$work/events"
vmfleet logs one >"$work/logs"
for pid in $(processes); do tr '\0' '\n' <"/proc/$pid/cmdline"; tr '\0' '\n' <"/proc/$pid/environ"; done >"$work/words"
for file in status events logs words; do
  if grep -aq geheim "$work/$file"; then fail "$file has a secret"; fi
done
if grep -aq typed "$work/words"; then fail "a setting is in a command line"; fi
while read -r mode file; do
  [[ $mode == ?00 ]] || fail "$file has mode $mode"
done < <(grep -rlaE 'geheim|typed' "$XDG_STATE_HOME" | grep -v -e /logs/ -e /images/ | xargs stat -c '%a %n')
[[ $(stat -c %a "$XDG_STATE_HOME/vmfleet/one") == 700 ]] || fail "the fleet's folder is open to others"
[[ -z $(find "$XDG_STATE_HOME/vmfleet/one/instances" -path '*/secrets*') ]] || fail "the instance's copies are left"

say "another instance, with other secrets, gets only those"
other=$(vmfleet up "$image" --name two --timeout $limit --secret "own=$work/secrets/empty")
[[ $(get "$other/credentials" | tail -n 1) == *' own' ]] || fail "credentials: $(get "$other/credentials")"
expect 22 404 get "$other/secret/db-password.1"
vmfleet down two

if [[ $3 == service.qcow2 ]]; then
  say "a secret that has changed is rolled out by up, and taken by restart, and no request fails"
  before=$(pids one)
  start_client "$endpoint"
  echo new >"$work/secrets/db"
  vmfleet up "$image" --name one --timeout $limit >/dev/null
  [[ $(pids one) != "$before" ]] || fail "the instance was not replaced"
  same db-password.1 "$work/secrets/db"
  echo newer >"$work/secrets/db"
  vmfleet restart one --timeout $limit
  same db-password.1 "$work/secrets/db"
  stop_client
  before=$(pids one)
  vmfleet up "$image" --name one --timeout $limit >/dev/null
  [[ $(pids one) == "$before" ]] || fail "up again changed something"

  say "an instance that is replaced has its secrets, also when the files are gone"
  cp "$work/secrets/db" "$work/db"
  rm -r "$work/secrets"
  kill -9 "$before"
  replaced() { [[ $(pids one) == [0-9]* && $(pids one) != "$before" ]] && is one '.settled and .healthy == 1' true; }
  await $limit "a replacement" replaced
  same db-password.1 "$work/db"
  expect 2 "secret 'db-password.1'.*No such file" vmfleet up "$image" --name one
  count=$(find "$XDG_STATE_HOME/vmfleet/one/secrets" -mindepth 1 -maxdepth 1 | wc -l)
  ((count <= 2)) || fail "$count generations of secrets are kept"
fi

say "down leaves nothing"
vmfleet down one
nothing_left
