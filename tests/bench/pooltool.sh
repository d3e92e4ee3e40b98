#!/bin/sh
# Times pooltool, a billiards simulator in Python, on a file of shots, beside the trainer's own figures:
#   pooltool.sh SHOTS.json OURS.json [--json FILE]
# OURS.json is what `billiards-trainer simulate SHOTS.json --json` prints; FILE gets the figures as JSON.
# pooltool gets a virtual environment of its own (700 MB), made on the first run and kept.

set -eu

# pooltool asks for a pre-release of panda3d that PyPI doesn't have, hence the exact list and --no-deps.
packages='pooltool-billiards==0.6.0
numba==0.62.1
llvmlite==0.45.1
numpy==2.3.5
numpy-quaternion==2024.0.13
scipy==1.17.1
attrs==26.1.0
cattrs==26.2.1
typing_extensions==4.16.0
msgpack==1.2.4
msgpack-numpy==0.4.8
pyyaml==6.0.4
click==8.5.1
h5py==3.16.0
h11==0.16.0
pillow==13.0.0
rich==14.3.4
markdown-it-py==4.3.0
mdurl==0.1.2
pygments==2.21.0
panda3d==1.10.16
panda3d-gltf==1.3.0
panda3d-simplepbr==0.13.1'

cache=${XDG_CACHE_HOME:-$HOME/.cache}/billiards-trainer
environment=$cache/pooltool
installed=$environment/installed-packages.txt
log=$cache/pooltool-install.log

not_run() {
    echo "pooltool beside it: not run, $1"
    exit 0
}

wrong_usage() {
    echo "$1" >&2
    exit 2
}

# Prints the first Python that all of the packages exist for.
find_python() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

is_installed() {
    [ -r "$installed" ] && [ "$(cat "$installed")" = "$packages" ] && "$environment/bin/python" -c '' 2>/dev/null
}

install_pooltool() {
    python=$(find_python)
    [ -n "$python" ] || not_run "it needs Python 3.11, 3.12 or 3.13 and none was found"
    (mkdir -p "$cache" && : >"$log") 2>/dev/null || not_run "can't write to $cache"
    echo "installing pooltool in $environment (once; a minute or two)" >&2
    rm -rf "$environment"
    "$python" -m venv "$environment" >>"$log" 2>&1 ||
        not_run "$python can't make a virtual environment (on Debian: install python3-venv); see $log"
    # One package a word: the list is split on purpose.
    # shellcheck disable=SC2086
    "$environment/bin/python" -m pip install --no-input --disable-pip-version-check --retries 2 \
        --no-deps --only-binary :all: $packages >>"$log" 2>&1 ||
        not_run "pip could not install its packages; see $log"
    # pooltool writes settings into the home folder on import: not into the user's.
    HOME=$environment "$environment/bin/python" -c 'import pooltool' >>"$log" 2>&1 ||
        not_run "it is installed but can't be imported; see $log"
    echo "$packages" >"$installed"
}

[ $# -ge 2 ] || wrong_usage "usage: pooltool.sh SHOTS.json OURS.json [--json FILE]"
for file in "$1" "$2"; do
    [ -r "$file" ] || wrong_usage "can't read $file"
done
is_installed || install_pooltool
exec "$environment/bin/python" "$(dirname "$0")/pooltool_beside.py" "$@"
