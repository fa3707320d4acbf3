#!/usr/bin/env bash
# check-options.sh <program> <docs folder>: every command and option that the program's --help has is in its page, its
# man page and its three completions, and these have none that it has not.
set -euo pipefail

program=$1
docs=$2
name=$(basename "$program")
wrong=0

complain() {
  echo "check-options: $*" >&2
  wrong=1
}

# The commands in a help text: indented words under its last heading.
commands_of() { sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\)\( .*\)\?$/\1/p' <<<"$1"; }
options_of() { grep -oE -- '--[a-z][a-z-]+' <<<"$1" | sort -u; }

known=
collect() {
  local help command
  help=$("$program" "$@" --help)
  known+=$(options_of "$help")$'\n'
  for command in $(commands_of "$help"); do
    known+=$command$'\n'
    collect "$@" "$command"
  done
}
collect
known=$(sort -u <<<"$known" | sed '/^$/d')
[[ $(wc -l <<<"$known") -gt 5 ]] || complain "found hardly anything in '$name --help'"

for file in "$name.md" "man/$name.1" "completions/$name.bash" "completions/_$name" "completions/$name.fish"; do
  # roff writes a hyphen as \-, fish an option as -l name (and a variable as set -l name)
  text=$(sed -e 's/\\-/-/g' -e '/set -l /!s/\( \|^\)-l \([a-z]\)/\1--\2/g' "$docs/$file")
  for word in $known; do
    [[ $word == --help || $word == --version ]] && continue
    grep -qE -- "(^|[^a-z-])$word([^a-z-]|$)" <<<"$text" || complain "$file does not have '$word'"
  done
  [[ $file == *.md || $file == man/* ]] && continue
  for word in $(options_of "$text"); do
    grep -qxF -- "$word" <<<"$known" || complain "$file has '$word', which $name has not"
  done
done
exit $wrong
