#!/usr/bin/env bash
# `make screenshot`: starts the stack, places the demo's order, and takes a picture of its trace in the Jaeger UI.
# Usage: screenshot.sh <the stack program> <the picture to write>
set -euo pipefail
cd "$(dirname "$0")/.."
stack=$1
picture=$PWD/$2

browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [[ -z $browser ]]; then
  echo "Chromium is missing: apt-get install chromium, or set CHROMIUM to the path of a Chromium or Chrome" >&2
  exit 1
fi

mkdir -p .local
work=$(mktemp -d .local/screenshot-XXXXXX)
"$stack" demo --keep >"$work/demo.txt" 2>&1 &
demo=$!
stop() {
  kill -TERM "$demo" 2>/dev/null || true
  wait "$demo" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

# The demo prints the trace's address once the trace is complete.
until url=$(grep -o 'http://[^ ]*/trace/[0-9a-f]*' "$work/demo.txt"); do
  if ! kill -0 "$demo" 2>/dev/null; then
    cat "$work/demo.txt" >&2
    exit 1
  fi
  sleep 0.2
done

# 1400 pixels wide, with the names of the spans readable.
flags=(--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update
  --disable-sync --hide-scrollbars --user-data-dir="$PWD/$work/profile" --virtual-time-budget=15000
  --window-size=1750,1390 --force-device-scale-factor=0.8)
# Chromium refuses to start its sandbox as root.
((EUID)) || flags+=(--no-sandbox)
mkdir -p "$(dirname "$picture")"
"$browser" "${flags[@]}" --screenshot="$picture" "$url" 2>"$work/browser.txt" || { cat "$work/browser.txt" >&2; exit 1; }
echo "wrote $picture"
