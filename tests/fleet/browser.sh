#!/usr/bin/env bash
# The dashboard of a real fleet in a real browser: both instances are in the page, and its charts have points.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
command -v chromium >/dev/null || { echo "skipped: chromium is missing"; exit 77; }

# browse <argument...>: without a window, and with nothing of it left afterwards.
browse() {
  XDG_RUNTIME_DIR=$work/browser XDG_CONFIG_HOME=$work/browser timeout 120 chromium --headless --no-sandbox \
    --disable-gpu --user-data-dir="$work/browser" --window-size=1280,1100 --virtual-time-budget=6000 "$@" \
    2>"$work/browser.log"
}

endpoint=$(vmfleet up "$image" --name browser --count 2 --timeout $limit)
dashboard=$(vmfleet dashboard browser)
start_client "$endpoint"
recorded() { [[ $(get "$dashboard/history.json" | jq '[.requests_per_second[] | select(. > 0)] | length') -ge 5 ]]; }
await 60 "some seconds of requests" recorded

say "the page shows both instances, and charts with points"
browse --dump-dom "$dashboard/" >"$work/dom"
for id in browser-1 browser-2; do
  grep -q "<tr data-id=\"$id\"><td>$id</td><td><span class=\"state healthy\">healthy</span></td>" "$work/dom" ||
    fail "$id is not in the page: $(cat "$work/dom" "$work/browser.log")"
done
grep -q '<title>browser: 2/2</title>' "$work/dom" || fail "title: $(grep -o '<title>.*</title>' "$work/dom")"
for chart in healthy requests_per_second errors_per_second response_ms; do
  points=$(grep -o "<svg id=\"chart-$chart\".*" "$work/dom" | grep -o 'data-points="[0-9]*"' | head -n 1 | tr -dc 0-9)
  ((${points:-0} >= 5)) || fail "the chart of $chart has '$points' points: $(cat "$work/dom" "$work/browser.log")"
done
grep -q '<div id="lost" class="card notice bad" role="alert"></div>' "$work/dom" || fail "it did not get an answer"

say "as a picture, in light and dark"
for scheme in light dark; do
  options=("--screenshot=$work/$scheme.png")
  [[ $scheme == light ]] || options+=(--blink-settings=preferredColorScheme=0)
  browse "${options[@]}" "$dashboard/" >/dev/null
  [[ $(head -c 4 "$work/$scheme.png" | tail -c 3) == PNG ]] || fail "no picture: $(cat "$work/browser.log")"
  [[ -z ${VMFLEET_PICTURES-} ]] || cp "$work/$scheme.png" "$VMFLEET_PICTURES"
done
! cmp -s "$work/light.png" "$work/dark.png" || fail "dark is as light"
stop_client

vmfleet down browser
nothing_left
