#!/bin/sh
# Installs the system packages the trainer needs to build, run and be tested.
# Usage: install-packages.sh run|test|ops|ops
# Debian and Ubuntu: through apt. Elsewhere: says what to install.
set -eu

wanted="build-essential pkg-config libclang-dev libwayland-dev libxkbcommon-x11-0 libxkbcommon-dev \
libxcursor1 libxi6 libxrandr2 libx11-xcb1 libvulkan1 mesa-vulkan-drivers ffmpeg curl ca-certificates"
if [ "${1:-run}" = test ]; then
    wanted="$wanted xvfb faketime xserver-xorg-core xserver-xorg-video-dummy x11-xserver-utils x11-utils \
openssl python3 nodejs restic"
fi
if [ "${1:-run}" = ops ]; then
    # What the files in deploy/ are checked with. Debian starts the services of nginx and prometheus with their packages;
    # the checks need neither: systemctl disable --now nginx prometheus
    wanted="$wanted openssl python3 nginx-light logrotate nftables prometheus restic minisign systemd-container mmdebstrap lintian"
fi

missing=""
if command -v dpkg-query >/dev/null 2>&1; then
    for package in $wanted; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" ||
            missing="$missing $package"
    done
    [ -z "$missing" ] && exit 0
else
    # Not a Debian family: the programs and headers tell.
    command -v ffmpeg >/dev/null 2>&1 && command -v cc >/dev/null 2>&1 && exit 0
    missing=" $wanted"
fi

if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then
        become=""
    elif command -v sudo >/dev/null 2>&1; then
        become="sudo"
    else
        echo "These packages are missing; install them as root, then run this again:" >&2
        echo "  apt-get install$missing" >&2
        exit 1
    fi
    echo "Installing system packages:$missing"
    $become env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086
    $become env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "This system has no apt. Install what matches these Debian packages, then run this again:" >&2
    echo " $missing" >&2
    echo "(a C compiler, pkg-config, libclang, the Wayland and xkbcommon libraries, a Vulkan driver, ffmpeg)" >&2
    exit 1
fi
