#!/bin/sh
# Measures the usual OpenCV chain on the pictures that `evaluate vision --speed --pictures DIR` wrote.
# OpenCV is installed once, for this only, into a virtual environment in the user's cache.
set -eu
pictures=$1
home=${XDG_CACHE_HOME:-$HOME/.cache}/billiards-trainer/opencv
if ! "$home/bin/python" -c 'import cv2' 2>/dev/null; then
    echo "installing OpenCV into $home (once)" >&2
    if ! { python3 -m venv "$home" && "$home/bin/pip" install --quiet opencv-python-headless; }; then
        echo "opencv: cannot be installed here (no network or no python3-venv); not measured" >&2
        exit 0
    fi
fi
exec "$home/bin/python" "$(dirname "$0")/opencv_beside.py" "$pictures"
