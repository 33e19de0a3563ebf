#!/bin/bash
# static.sh ARCHITECTURE FOLDER - what a static program for that Debian architecture is linked of: FOLDER/include and
# FOLDER/lib. Archives are those of Debian 12's packages where it has one; libjwt, cJSON, ISA-L and libcurl (whose archive there
# wants twenty libraries that have none) are compiled from Debian's sources. apt checks that all of it is Debian's, with lists
# and settings of its own: nothing is installed, and this machine's are untouched. Of ICU's data (30 MB) the table of UTS #46
# alone is kept.
set -euo pipefail

arch=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
mirror=${MIRROR:-http://deb.debian.org}
declare -A machines=([amd64]=x86_64 [arm64]=aarch64)
machine=${machines[$arch]:?no static program is made for this architecture}
triplet=$machine-linux-gnu
compiler=$triplet-gcc include=$folder/include lib=$folder/lib work=$folder/work
rm -rf "$include" "$lib" "$work"
mkdir -p "$include" "$lib" "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/root"
flags=(-O2 -fPIE -ffile-prefix-map="$work=.")
cd "$work"

signed="signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"
cat >apt/sources.list <<TEXT
deb [$signed arch=$arch] $mirror/debian bookworm main
deb [$signed arch=$arch] $mirror/debian-security bookworm-security main
deb-src [$signed] $mirror/debian bookworm main
deb-src [$signed] $mirror/debian-security bookworm-security main
deb-src [$signed] $mirror/debian trixie main
TEXT
: >apt/status
apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt/cache" \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Languages=none \
        -o APT::Sandbox::User= -o APT::Architecture="$arch" -o APT::Architectures="$arch" "$@"
}
packages=(libev-dev libssl-dev libjansson-dev libpcre2-dev libhiredis-dev libfcgi-dev libicu-dev)
{
    apt update
    apt download "${packages[@]}"
    # Its sources as they are, but for the base64 that Debian leaves out of them (below).
    apt source --tar-only libjwt/trixie
    apt source cjson/bookworm libisal/bookworm curl/bookworm
    tar -xf libjwt_*.tar.*
} >log 2>&1 || { cat log >&2; exit 1; }
for package in *.deb; do
    dpkg-deb -x "$package" root
done
cp -R root/usr/include/. "$include"
cp -R root/usr/include/"$triplet"/. "$include"
for archive in ev ssl crypto jansson pcre2-8 hiredis icuuc; do
    cp root/usr/lib/"$triplet/lib$archive.a" "$lib"
done

# $1: its name; the rest: what is compiled for it.
archive_of() {
    local name=$1 object objects=()
    shift
    for source in "$@"; do
        object=$name-$(basename "${source%.*}").o
        "$compiler" "${flags[@]}" -isystem "$include" -c -o "$object" "$source"
        objects+=("$object")
    done
    ar rcsD "$lib/lib$name.a" "${objects[@]}"
}
mkdir -p "$include/cjson" "$include/isa-l"
cp libjwt-*/include/jwt.h "$include"
jwt=$(echo libjwt-1*/libjwt)
: >"$jwt/config.h"
cat >"$jwt/base64.h" <<'TEXT'
#include <openssl/evp.h>
#include <string.h>

static inline int
jwt_Base64encode(char *out, const char *in, int len)
{
    return EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)in, len) + 1;
}

static inline int
jwt_Base64decode(unsigned char *out, const char *in)
{
    size_t len = strlen(in), pad = len - strcspn(in, "=");
    int plain = EVP_DecodeBlock(out, (const unsigned char *)in, (int)len);
    return plain < (int)pad ? 0 : plain - (int)pad;
}
TEXT
cp cjson-*/cJSON.h "$include/cjson"
cp libisal-*/include/crc.h "$include/isa-l"
archive_of jwt "$jwt/jwt.c" "$jwt/jwt-openssl.c"
archive_of cjson cjson-*/cJSON.c
make -s -C libisal-* -f Makefile.unx units=crc host_cpu="$machine" CC="$compiler" lib >log 2>&1 || { cat log >&2; exit 1; }
cp libisal-*/bin/isa-l.a "$lib/libisal.a"

mkdir curl
cd curl
without=(zlib brotli zstd nghttp2 libidn2 librtmp libssh2 libpsl libgsasl ca-bundle ca-path)
disable=(shared ldap ldaps ftp file rtsp dict telnet tftp pop3 imap smb smtp gopher mqtt manual ntlm tls-srp alt-svc hsts)
{
    ../curl-*/configure -q --host="$triplet" --with-openssl --with-ca-fallback --enable-threaded-resolver \
        "${without[@]/#/--without-}" "${disable[@]/#/--disable-}" \
        CC="$compiler" CFLAGS="${flags[*]}" CPPFLAGS="-isystem $include" LDFLAGS="-L$lib" LIBS="-lssl -lcrypto -lpthread" &&
        make -s -j"$(nproc)" -C lib libcurl.la
} >log 2>&1 || { cat log >&2; exit 1; }
cd ..
cp curl/lib/.libs/libcurl.a "$lib"
cp -R curl-*/include/curl "$include"

# The one object of ICU's data is a package of tables under a name of its version: a new one, of the one table.
mkdir icu
cd icu
ar x ../root/usr/lib/"$triplet"/libicudata.a
name=$(basename icudt*.o _dat.o) # icudt72l
"$triplet-objcopy" -O binary -j .rodata "$name"_dat.o all.dat
mv all.dat "$name.dat"
icupkg -x uts46.nrm "$name.dat"
rm "$name.dat"
icupkg -a uts46.nrm new "$name.dat"
cat >table.S <<TEXT
.section .note.GNU-stack, "", %progbits
.section .rodata
.balign 16
.globl ${name%l}_dat
${name%l}_dat:
.incbin "$name.dat"
TEXT
"$compiler" -c -o table.o table.S
ar rcsD "$lib/libicudata.a" table.o
