# The hub in a container: built in one Debian, run in another without a compiler.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev libev-dev libjansson-dev libssl-dev make pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY backend backend
RUN make all

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libev4 libjansson4 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin alipes
COPY --from=build /src/build/release/alipes /usr/local/bin/alipes
USER alipes
EXPOSE 80 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/alipes"]
