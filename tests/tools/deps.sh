#!/bin/bash
# deps.sh build|deb|run|test|fronts|static|container|check - the Debian packages that building (build), also making packages
# (deb), also running the demo (run, run-apache), also testing (test), also all the fronts (fronts), making the static program
# (static, static-arm64), or testing in containers (container) needs.
#
# Quick and silent where all are there. Otherwise it says what it installs. Debian starts the
# servers it installs: policy-rc.d forbids that here, and what we brought is disabled; what was
# installed before is never touched. `check` installs nothing and fails if one is missing.
set -euo pipefail

build_packages=(gcc make dpkg-dev libc6-dev libev-dev libfcgi-dev libssl-dev libjansson-dev libjwt-dev libcjson-dev
    libcurl4-openssl-dev libhiredis-dev libisal-dev libicu-dev libpcre2-dev)
deb_packages=(apache2-dev)
static_packages=(debian-archive-keyring dpkg-dev g++ gcc icu-devtools libc6-dev make nasm patch)
static_arm64_packages=("${static_packages[@]}" g++-aarch64-linux-gnu gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
run_packages=(caddy curl)
test_packages=(check clang clang-format libclang-rt-dev openssl python3-pytest python3-pytest-xdist python3-jwt python3-cryptography
    python3-h2 python3-prometheus-client
    python3-selenium libfcgi-bin apache2 nginx haproxy lighttpd lighttpd-mod-openssl chromium chromium-driver man-db php-cli php-curl php-fpm
    php-symfony-http-client php-symfony-mercure redis-server strace systemd)
front_packages=(h2o hitch nghttp2-proxy squid stunnel4 trafficserver varnish)
container_packages=(containerd docker-compose docker.io iproute2 iptables lintian mmdebstrap openssl
    python3-cryptography python3-jwt python3-pytest)
# Those among them that come with a service: package:unit.
services=(haproxy:haproxy.service caddy:caddy.service caddy:caddy-api.service nginx:nginx.service lighttpd:lighttpd.service apache2:apache2.service
    apache2:apache-htcacheclean.service redis-server:redis-server.service php-fpm:php8.2-fpm.service docker.io:docker.service
    docker.io:docker.socket containerd:containerd.service h2o:h2o.service hitch:hitch.service nghttp2-proxy:nghttpx.service squid:squid.service
    stunnel4:stunnel.target trafficserver:trafficserver.service varnish:varnish.service varnish:varnishncsa.service)

mode=${1:-test}
case $mode in
build) wanted=("${build_packages[@]}") ;;
deb) wanted=("${build_packages[@]}" "${deb_packages[@]}") ;;
run) wanted=("${build_packages[@]}" "${run_packages[@]}") ;;
run-apache) wanted=("${build_packages[@]}" "${deb_packages[@]}" apache2 curl) ;;
test | check) wanted=("${build_packages[@]}" "${deb_packages[@]}" "${run_packages[@]}" "${test_packages[@]}") ;;
fronts) wanted=("${build_packages[@]}" "${deb_packages[@]}" "${run_packages[@]}" "${test_packages[@]}" "${front_packages[@]}") ;;
static) wanted=("${static_packages[@]}") ;;
static-arm64) wanted=("${static_arm64_packages[@]}") ;;
container) wanted=("${container_packages[@]}") ;;
*)
    echo "usage: deps.sh build|deb|run|run-apache|test|fronts|static|static-arm64|container|check" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "deps: this is not Debian; please install: ${wanted[*]}" >&2
    [ "$mode" != check ]
    exit
fi

installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
    grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$mode" = check ]; then
    echo "deps: missing: ${missing[*]} (make deps installs them)" >&2
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: neither root nor sudo; please install: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "deps: installing ${missing[*]}${as_root:+ (with sudo)}"

# Ours carries this mark, so that only ours is removed.
policy=/usr/sbin/policy-rc.d
mark="alipes-deps-$$"
remove_policy() {
    if grep -qs "$mark" "$policy"; then
        "${as_root[@]}" rm -f "$policy"
    fi
}
if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
    trap remove_policy EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi

"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"

# A service that came with a package of ours was not there before: it is ours to switch off. The
# package enables it by links, also on a machine without systemd; systemctl disable works on the
# links alone, so where it is missing they are removed by hand.
for service in "${services[@]}"; do
    package=${service%%:*} unit=${service#*:}
    for new in "${missing[@]}"; do
        [ "$new" = "$package" ] || continue
        if command -v systemctl >/dev/null; then
            "${as_root[@]}" systemctl disable "$unit" >/dev/null 2>&1 || true
        else
            "${as_root[@]}" rm -f /etc/systemd/system/*.wants/"$unit"
        fi
    done
done
