#!/bin/sh
# Lets schemathesis at the running trainer as each role: made-up requests, sensible and not, against what the trainer says of
# itself in OpenAPI.
#   schemathesis.sh TRAINER [EXAMPLES]      (the program; 100 examples for each address without a number)
# Needs python3 with venv and a package index; without them nothing is run.

set -eu

not_run() {
    echo "schemathesis: not run, $1"
    exit 0
}

trainer=$(realpath "$1")
examples=${2:-100}
tools=${XDG_CACHE_HOME:-$HOME/.cache}/billiards-trainer/schemathesis
[ -x "$tools/bin/schemathesis" ] || {
    python3 -m venv "$tools" >/dev/null 2>&1 || not_run "there is no python3 with venv (on Debian: install python3-venv)"
    "$tools/bin/pip" install --quiet "schemathesis==4.32.5" || {
        rm -rf "$tools"
        not_run "it can't be installed from the package index"
    }
}

folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
running=""
trap '[ -z "$running" ] || kill "$running"; wait; rm -rf "$folder"' EXIT
state="--set state_folder=$folder/state"
at=http://127.0.0.1:$port

failed=0
for role in viewer operator admin; do
    # Each role has a trainer of its own: what the one before did to it is gone.
    rm -rf "$folder/state"
    # shellcheck disable=SC2086
    token=$("$trainer" token create "$role" --role "$role" $state | head -n 1)
    # shellcheck disable=SC2086
    "$trainer" run --headless --source virtual --port "$port" --set api.require_token=true $state >"$folder/log" 2>&1 &
    running=$!
    tries=0
    until curl -fs "$at/readyz" >/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || { cat "$folder/log"; exit 1; }
        sleep 0.5
    done
    curl -fsS -H "Authorization: Bearer $token" "$at/api/v1/openapi.json" >"$folder/openapi.json"
    # That balls overlap, that a target is none of them, that a key was made up for another wish, that a setting is none, that
    # a made-up ETag is of no calibration: no schema can say that. And a trainer whose modules were stopped is not ready.
    cat >"$folder/schemathesis.toml" <<TOML
[[operations]]
include-path = "/api/v1/predict"
checks.positive_data_acceptance.expected-statuses = [200, 401, 403, 409, 422, 503]

[[operations]]
include-path = "/api/v1/suggest"
checks.positive_data_acceptance.expected-statuses = [200, 401, 403, 409, 422, 503]

[[operations]]
include-path = "/api/v1/config"
checks.positive_data_acceptance.expected-statuses = [200, 401, 403, 409, 412, 422, 428, 503]

[[operations]]
include-path-regex = "/api/v1/calibration"
checks.positive_data_acceptance.expected-statuses = [200, 202, 401, 403, 409, 412, 503]

[[operations]]
include-path = "/readyz"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]
TOML
    out='/(ws|stream.mjpeg|shutdown)$'
    # An admin's wishes may stop the trainer; all others are an operator's, too.
    [ "$role" != admin ] || out='/(ws|stream.mjpeg|shutdown|command|recovery)$'
    # Live connections and what stops the trainer are left out; wrong tokens make everybody at this address wait, so they
    # are tried by the trainer's own tests (every address as every role).
    # It leaves notes where it runs.
    (cd "$folder" && "$tools/bin/schemathesis" --config-file "$folder/schemathesis.toml" run "$folder/openapi.json" --url "$at" -H "Authorization: Bearer $token" \
        --checks all --exclude-checks ignored_auth --max-examples "$examples" --seed 1 --continue-on-failure \
        --exclude-path-regex "$out" \
        --output-sanitize true >"$folder/said" 2>&1) || failed=1
    echo "== as $role"
    sed -n '/FAILURES ===/,/WARNINGS ===/p; /SUMMARY ===/,$p' "$folder/said" | grep -vE '^ *$|st replay|^===.*(FAIL|WARN|SUMM)' | cut -c 1-400
    curl -fs "$at/livez" >/dev/null || { echo "the trainer has gone"; failed=1; }
    kill "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
    running=""
    grep -c "panicked" "$folder/log" >/dev/null && { grep "panicked" "$folder/log"; failed=1; }
done
exit $failed
