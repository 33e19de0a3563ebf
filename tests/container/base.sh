#!/bin/bash
# base.sh TAR [SUITE] - a Debian root without documentation, as debian:bookworm-slim is one, made by
# debootstrap of Debian's packages; kept, so that it is made once a week and not once a run.
set -euo pipefail

tar=$1 suite=${2:-bookworm}
find "$tar" -mtime -7 2>/dev/null | grep -q . && exit 0
mkdir -p "$(dirname "$tar")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

debootstrap --variant=minbase "$suite" "$work/root" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
# What Debian's slim image leaves out, also of packages that are installed later.
cat >"$work/root/etc/dpkg/dpkg.cfg.d/slim" <<'TEXT'
path-exclude /usr/share/doc/*
path-exclude /usr/share/info/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
TEXT
rm -rf "$work/root"/usr/share/{doc,info,lintian,locale,man}/* "$work/root"/var/lib/apt/lists/* \
    "$work/root"/var/cache/apt/archives/*.deb "$work/root/etc/resolv.conf"
tar -C "$work/root" -cf "$tar.$$" .
mv "$tar.$$" "$tar"
