#!/usr/bin/env bash
# Recipes that cannot become an image, a full disk, Ctrl-C: told in a line, and no file appears or is lost.
# build.sh <recipe>: one that works, whose base is in the cache.
. "$(dirname "$0")/../harness.sh"

recipe=$1
mkdir "$work/out-folder"
nothing_written() { [ -z "$(ls -A "$work/out-folder")" ] || fail "files are there: $(ls -A "$work/out-folder")"; }

# refused <regex> <sed script>: the recipe with this change is invalid input.
refused() {
  sed "$2" "$recipe" >"$work/recipe.json"
  run 2 build "$work/recipe.json" -o "$work/out-folder"
  says err "$1"
  nothing_written
}
refused "debian:bookworm does not have it" 's/"base": "minimal"/"base": "debian:bookworm", "packages": ["no-such-package"]/'
says err "^vmimage: unknown package 'no-such-package'"
refused "^vmimage: unknown suite 'debian:nosuch'" 's/"base": "minimal"/"base": "debian:nosuch"/'
refused "unknown base 'windows'|'windows' is no known base" 's/"base": "minimal"/"base": "windows"/'
refused "/usr/bin/goodbye" 's|"command": \["/usr/bin/hello"|"command": ["/usr/bin/goodbye"|'
echo 'no program' >"$work/text"
chmod +x "$work/text"
refused "/usr/bin/hello" "s|\"source\": \"[^\"]*\"|\"source\": \"$work/text\"|"
refused "no such file|does not exist|is not there" "s|\"source\": \"[^\"]*\"|\"source\": \"$work/absent\"|"

# The manifest never replaces the recipe.
mkdir "$work/same"
name=$(jq -r .name "$recipe")
cp "$recipe" "$work/same/$name.json"
run 2 build "$work/same/$name.json" -o "$work/same"
says err "^vmimage: the manifest would replace the recipe '.*/same/$name.json'"
cmp "$recipe" "$work/same/$name.json"
[ "$(ls -A "$work/same")" = "$name.json" ] || fail "files are there: $(ls -A "$work/same")"

# An image that is there stays when its successor cannot be written.
cp "$recipe" "$work/recipe.json"
run 0 build "$work/recipe.json" -o "$work/out-folder" --stem full
before=$(cat "$work"/out-folder/* | sha256sum)
unchanged() {
  [ "$(cd "$work/out-folder" && echo .[!.]* *)" = ".[!.]* full.json full.qcow2" ] || fail "other files are there"
  [ "$(cat "$work"/out-folder/* | sha256sum)" = "$before" ] || fail "the image is another one"
}
(
  ulimit -f 8192 # KiB: less than the image has
  run 1 build "$work/recipe.json" -o "$work/out-folder" --stem full
)
says err '^vmimage: failed to '
unchanged

# A disk that is full, in a mount name space of our own where that is allowed.
if unshare --mount true 2>/dev/null; then
  mkdir "$work/small"
  # shellcheck disable=SC2016  # the inner shell's variables
  SMALL=$work/small RECIPE=$work/recipe.json unshare --mount sh -c \
    'mount -t tmpfs -o size=8m tmpfs "$SMALL" && ! "$VMIMAGE" build "$RECIPE" -o "$SMALL" && [ -z "$(ls -A "$SMALL")" ]' \
    >"$work/out" 2>"$work/err" || fail "a full disk was not told, or files were left on it"
  says err '^vmimage: failed to .*[Nn]o space left'
fi

for signal in INT TERM; do
  for delay in 0.02 0.05 0.1; do
    start build "$work/recipe.json" -o "$work/out-folder" --stem full
    sleep "$delay"
    kill -"$signal" "$pid" 2>/dev/null || true
    status=0
    wait "$pid" || status=$?
    case $status in
      0 | 130 | 143) ;; # it may have been faster, or not even have begun (128 + SIGTERM)
      *) fail "an interrupted build ended with $status" ;;
    esac
    unchanged
  done
done
