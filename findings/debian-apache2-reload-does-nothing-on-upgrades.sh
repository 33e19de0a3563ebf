#!/bin/bash
# Debian's helper for packages of Apache modules (apache2-maintscript-helper of apache2 2.4): `apache2_reload` in a postinst is told as
# "reloads the web server to activate a changed configuration", and reloads it on a first installation. On an upgrade it returns 0 and
# does nothing, so Apache goes on with the module that was replaced on the disk. With APACHE2_NEED_ACTION set it reloads there too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q apache2 >/dev/null
dpkg-deb -x apache2_*.deb root
dpkg-deb -f apache2_*.deb Package Version
mkdir bin
for name in invoke-rc.d apache2ctl; do # what the helper would call
    printf '#!/bin/sh\necho "%s $*" >>"%s/called"\n' "$name" "$work" >"bin/$name"
    chmod +x "bin/$name"
done
printf '#!/bin/sh\necho "install ok installed"\n' >bin/dpkg-query
chmod +x bin/dpkg-query
cat >mod.postinst <<'SH'
set -e
. root/usr/share/apache2/apache2-maintscript-helper
apache2_reload reload
SH

reloads() { # as dpkg calls a postinst: the version that was there before, or none
    : >called
    env PATH="$work/bin:$PATH" DPKG_MAINTSCRIPT_NAME=postinst DPKG_MAINTSCRIPT_PACKAGE=libapache2-mod-example $2 sh mod.postinst configure "$1" >/dev/null
    grep -c '^invoke-rc.d apache2 reload$' called || true
}

first=$(reloads '' '') upgrade=$(reloads 1.0-1 '') told=$(reloads 1.0-1 APACHE2_NEED_ACTION=yes)
echo "reloads: first installation $first, upgrade $upgrade, upgrade with APACHE2_NEED_ACTION $told"
[ "$first $upgrade $told" = "1 0 1" ]
