# The hub in a container: built in one Debian, run in another without a compiler. It is configured by
# the MERCURE_* variables, or by a file that is mounted and named: `docker run … alipes -c FILE`.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev libev-dev libfcgi-dev libicu-dev libisal-dev libjansson-dev libssl-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY backend backend
RUN make all

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libev4 libicu72 libisal2 libjansson4 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin alipes
COPY --from=build /src/build/release/alipes /usr/local/bin/alipes
USER alipes
# Port 80 without root: Docker sets net.ipv4.ip_unprivileged_port_start=0 in a container's network.
# Elsewhere: --sysctl net.ipv4.ip_unprivileged_port_start=0, or MERCURE_LISTEN_ADDR=:8080.
EXPOSE 80
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/alipes"]
