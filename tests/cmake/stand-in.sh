#!/bin/sh
# Stands in for vmimage, in seconds' fractions: writes down how it was called (VMIMAGE_STAND_IN_LOG), says an identifier
# when it is to publish (or fails: VMIMAGE_STAND_IN_FAILS), and makes of
# `build RECIPE -o DIR --stem NAME [--tree DIR]...` files that say what would be in the image.
set -eu

[ -z "${VMIMAGE_STAND_IN_LOG:-}" ] || echo "$*" >>"$VMIMAGE_STAND_IN_LOG"
if [ "$1" = boot ]; then
  [ -z "${VMIMAGE_STAND_IN_FAILS:-}" ] || { echo "vmimage: failed to boot '$2'" >&2; exit 1; }
fi
if [ "$1" = publish ]; then
  [ -z "${VMIMAGE_STAND_IN_FAILS:-}" ] || { echo "vmimage: no AWS credentials are set" >&2; exit 2; }
  echo '{"image": {"id": "ami-1"}}'
fi
[ "$1" = build ] || exit 0

recipe=$2
shift 2
trees=
output=.
stem=image
while [ $# -gt 0 ]; do
  case $1 in
    -o) output=$2; shift ;;
    --stem) stem=$2; shift ;;
    --tree) trees="$trees$2
"; shift ;;
    --quiet) ;;
    *) echo "stand-in: unknown argument '$1'" >&2; exit 2 ;;
  esac
  shift
done
# The strings of an array of the recipe, one a line; good for what the tests put there.
strings_of() {
  tr '\n\t' '  ' <"$recipe" | sed -n 's/.*"'"$1"'" *: *\[\([^]]*\)\].*/\1/p' | grep -o '"[^"]*"' | tr -d '"'
}

if [ -n "${VMIMAGE_STAND_IN_FAILS:-}" ] && [ -z "${stem##*"$VMIMAGE_STAND_IN_FAILS"*}" ]; then
  echo "vmimage: failed to build image '$stem': the stand-in was told to" >&2
  exit 1
fi
if [ -z "$trees" ]; then
  trees=$(cd "$(dirname "$recipe")" && strings_of trees | while IFS= read -r tree; do (cd "$tree" && pwd); done)
fi
overlays=$(strings_of overlays)
if [ -n "${VMIMAGE_STAND_IN_HANGS:-}" ]; then
  echo half >"$output/$stem.qcow2"
  echo half >"$output/$stem.json"
  echo "$$" >"$VMIMAGE_STAND_IN_HANGS"
  exec sleep 60
fi

cp "$recipe" "$output/$stem.json"
printf '%s\n' "$trees" "$overlays" | while IFS= read -r tree; do
  [ -z "$tree" ] || (cd "$tree" && find . ! -type d) | sed 's/^\.//'
done | sort >"$output/$stem.qcow2"
strings_of formats | while IFS= read -r format; do
  [ "$format" = qcow2 ] || cp "$output/$stem.qcow2" "$output/$stem.$format"
done
