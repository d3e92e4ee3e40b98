#!/bin/sh
# Sets the alert engine beside Prometheus: the same rules and the same generated series go through both,
# and promtool judges whether every state of every second is the same.
#   alerts.sh [SERIES]      (1000 without a number)
# Needs promtool 2.42 or newer (on Debian: apt-get install prometheus); without it nothing is run.

set -eu

not_run() {
    echo "promtool beside the alert engine: not run, $1"
    exit 0
}

command -v promtool >/dev/null || not_run "there is no promtool (on Debian: install prometheus)"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ALERT_SERIES_TO=$folder ALERT_SERIES=${1:-1000} ${CARGO:-cargo} test --locked --quiet --no-default-features --lib -- \
    --ignored --exact system::alerts::tests::prometheus::series_for_promtool >"$folder/log" 2>&1 || {
    cat "$folder/log"
    exit 1
}
promtool check rules "$folder/rules.yml" >"$folder/log" 2>&1 || {
    head -n 20 "$folder/log"
    exit 1
}
if (cd "$folder" && promtool test rules tests.yml) >"$folder/log" 2>&1; then
    echo "alert engine and promtool agree: $(cat "$folder/summary.txt")"
else
    cut -c 1-2000 "$folder/log" | head -n 40
    echo "alert engine and promtool differ: $(cat "$folder/summary.txt")"
    exit 1
fi
