#!/bin/bash
# base.sh TAR [SUITE [small]] - the root of a Debian (bullseye to trixie) or an Ubuntu (focal to noble) without documentation,
# as debian:bookworm-slim is one, made of its own packages; kept, so that it is made once a week and not once a run. A small one
# (bionic, too) holds a shell and what a shell calls: none of its packages is configured, and it has no apt: enough to run a
# program in.
set -euo pipefail

tar=$1 suite=${2:-bookworm} kind=${3:-whole}
find "$tar" -mtime -7 2>/dev/null | grep -q . && exit 0
mkdir -p "$(dirname "$tar")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt's own user reads keys in it

made() {
    mmdebstrap "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}

source=http://deb.debian.org/debian components=main keys=/usr/share/keyrings/debian-archive-keyring.gpg
case $suite in
bionic | focal | jammy | noble)
    # Debian has Ubuntu's keys since 13, signed with its own.
    made --variant=extract --include=ubuntu-archive-keyring trixie "$work/keys" "deb [signed-by=$keys] $source trixie main"
    source=http://archive.ubuntu.com/ubuntu components="main universe" keys=$work/keys/usr/share/keyrings/ubuntu-archive-keyring.gpg
    ;;
esac
case $kind in
whole) what=(--variant=minbase --include=apt) ;; # which Debian calls required, and Ubuntu does not
small) what=(--variant=extract --include=bash,coreutils,grep,mount,sed) ;;
esac
# Without this, Debian 12 brings all of Perl, to make links of folders that are links.
[ "$suite" != bookworm ] || what+=(--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr)
# What Debian's slim image leaves out, also of packages that are installed later.
for folder in doc info lintian locale man; do
    what+=(--dpkgopt="path-exclude=/usr/share/$folder/*")
done
# What packages of old suites expect all the same: a folder for links. The root finds its own keys where it has them.
made "${what[@]}" --setup-hook='mkdir -p "$1/usr/share/man/man1"' \
    --customize-hook="echo 'deb $source $suite $components' >\"\$1/etc/apt/sources.list\"; rm -f \"\$1/etc/resolv.conf\"" \
    "$suite" "$work/root.tar" "deb [signed-by=$keys] $source $suite $components"
mv "$work/root.tar" "$tar.$$"
mv "$tar.$$" "$tar"
