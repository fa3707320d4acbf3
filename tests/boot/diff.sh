#!/usr/bin/env bash
# vmimage diff: two images of two formats, an image and a manifest, the same twice, what is refused.
# diff.sh <recipe on minimal>
. "$(dirname "$0")/harness.sh"

use_image hello-minimal
command -v jq >/dev/null || { rm -rf "$work"; echo "skipped: no jq"; exit 77; }

# The service with another setting, another file, and one whose mode alone is another.
sed "s|\"version\": 1|\"version\": 1, \"image_version\": \"2\", \"environment\": {\"LEVEL\": \"debug\"}|
  s|\"files\": \[|&{\"source\": \"$work/note\", \"destination\": \"/etc/note\"}, |" "$1" >"$work/new.recipe.json"
echo hello >"$work/note"
run 0 build "$work/new.recipe.json" -o "$work" --stem new
run 0 convert "$work/new.qcow2" --to ova -o "$work/new.ova"
echo hullo >"$work/note"
chmod 755 "$work/note"
run 0 build "$work/new.recipe.json" -o "$work" --stem newer

run 0 diff "$image" "$work/new.ova"
says out '^  environment/LEVEL = debug$'
says out '^  \+ /etc/note  6 bytes$'
says out '^  root file system '
! grep -q 'manifest.json\|base_digest\|no difference' "$work/out" || fail "what follows from the rest is told"
run 1 diff "$image" "$work/new.ova" --exit-code --json
jq -e '.version == 1 and .different and .complete and .old.whole and .new.image_version == "2" and
  .files.added[0].path == "/etc/note" and .files.added[0].size == 6 and .files.removed == [] and
  any(.settings[]; .key == "/image_version" and .new == "2")' "$work/out" >/dev/null || fail "the JSON says something else"

# Content that has the same size, and a mode; by the manifest of the old one alone, the content.
run 0 diff "$work/new.ova" "$work/newer.qcow2"
says out '^  ~ /etc/note  content 6 bytes, mode 0644 -> 0755$'
[ "$(grep -c '^  [~+-]' "$work/out")" = 1 ] || fail "more than one file is told"
mkdir "$work/kept"
cp "$work/new.json" "$work/kept/old release.json"
run 0 diff "$work/kept/old release.json" "$work/newer.qcow2"
says out '^\(of one there is only the manifest'
says out '^  ~ /etc/note  content 6 bytes$'

# Nothing, in whatever format.
run 0 diff "$work/new.qcow2" "$work/new.ova" --exit-code
[ "$(cat "$work/out")" = 'no difference' ] || fail "a difference is told where there is none"

# Bad input.
: >"$work/empty"
run 2 diff "$image" "$work/absent"
says err "'$work/absent'.*no such file"
run 2 diff "$image" "$work/empty"
says err "'$work/empty'.*empty"
run 2 diff "$image"
says err "new is required"
