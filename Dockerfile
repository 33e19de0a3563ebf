# The hub in a container: built in one Debian, run in another without a compiler. It is configured by
# the MERCURE_* variables, or by a file that is mounted at /config/alipes.conf.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev libcjson-dev libcurl4-openssl-dev libev-dev libfcgi-dev libhiredis-dev libicu-dev libisal-dev \
        libjansson-dev libjwt-dev libpcre2-dev libssl-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile README.md ./
COPY backend backend
RUN make all && strip --strip-debug build/release/alipes

FROM debian:bookworm-slim
# The number is fixed, so that a volume still belongs to the hub of a later image. /run/alipes is for
# a Unix socket in a volume that the web server's container mounts as well.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcjson1 libcurl4 libev4 libhiredis0.14 libicu72 libisal2 libjansson4 libjwt0 \
        libpcre2-8-0 libssl3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log \
    && groupadd --system --gid 990 alipes \
    && useradd --system --uid 990 --gid alipes --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin alipes \
    && install -d -o alipes -g alipes /data /run/alipes \
    && install -d /config
COPY proxy-config/container/defaults.conf /usr/local/share/alipes/defaults.conf
COPY --from=build /src/build/release/alipes /usr/local/bin/alipes
ENV ALIPES_DEFAULTS=/usr/local/share/alipes/defaults.conf ALIPES_CONFIG=/config/alipes.conf
USER alipes
VOLUME /data
# Port 80 without root: Docker sets net.ipv4.ip_unprivileged_port_start=0 in a container's network.
# Elsewhere: --sysctl net.ipv4.ip_unprivileged_port_start=0, or MERCURE_LISTEN_ADDR=:8080.
EXPOSE 80 8080
HEALTHCHECK --interval=5s --timeout=5s --retries=3 CMD ["/usr/local/bin/alipes", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/alipes"]
