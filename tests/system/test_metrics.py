"""What operators look at: /metrics by a strict parser, healthz, `alipes health`, `alipes stat`, the log's file."""
import re
import resource
import signal
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from conftest import BIN, KEY, PATH, PATIENCE, ROOT, Client, Server, Stream, free_port, publish, token, wait_for


def scrape(address):
    """Samples by (name, labels), and the families, as a parser takes them that refuses what OpenMetrics does."""
    reply = Client(address).get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = list(text_string_to_metric_families(reply.body.decode()))
    samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples
            samples[key] = sample.value
    return samples, families


def value(hub, name, **labels):
    return scrape(hub.metrics)[0].get((name, tuple(sorted(labels.items()))))


def becomes(hub, expected, name, **labels):
    wait_for(lambda: value(hub, name, **labels) == expected, f"{name} {labels} to be {expected}")


def test_what_happens_is_counted(measured):
    hub = measured('name "a \\"b\\" c"\nmax_streams 2')
    at = ("127.0.0.1", hub.port)
    one, two = Stream(at, "topic=a"), Stream(at, "topic=a&topic=b")
    assert Stream(at, "topic=a").text.startswith(b"retry:")
    for i in range(3):
        assert publish(at, topic="a", data="x").status == 200
    assert publish(at, "", topic="a").status == 401
    assert publish(at, token(["b"]), topic="a").status == 401
    assert publish(at, topic=f"{PATH}/x").status == 403
    assert Client(at).get("/elsewhere").status == 404
    one.datas(3), two.datas(3)
    becomes(hub, 6, "alipes_deliveries_total")
    samples, families = scrape(hub.metrics)

    def now(series, **labels):
        return samples.get((series, tuple(sorted(labels.items()))))

    assert now("alipes_info", version="0.1.0", transport="memory", name='a "b" c') == 1
    assert now("alipes_publishes_total") == now("mercure_updates_total") == 3
    assert now("alipes_streams") == now("mercure_subscribers_connected") == 2
    assert now("alipes_streams_opened_total") == now("mercure_subscribers_total") == 2
    assert now("alipes_bounds_met_total", bound="max_streams") == 1
    assert now("alipes_refused_total", status="401", reason="no_token") == 1
    assert now("alipes_refused_total", status="401", reason="topic_not_granted") == 1
    assert now("alipes_refused_total", status="403", reason="reserved_topic") == 1
    assert now("alipes_refused_total", status="404", reason="not_found") == 1
    assert now("alipes_commit_seconds_count") == 3
    assert 3 <= now("alipes_publish_to_write_seconds_count") <= 6  # once a worker that has streams for it
    assert 0 < now("alipes_publish_to_write_seconds_sum") < 3
    assert now("alipes_history_events") == 3 and now("alipes_history_bytes") > 100
    assert 0 <= now("alipes_history_age_seconds") < 60
    assert now("alipes_sent_bytes_total") > now("alipes_received_bytes_total") > 500
    assert now("alipes_streams_catching_up") == now("alipes_pending_bytes") == 0
    one.close(), two.close()
    becomes(hub, 0, "alipes_streams")
    becomes(hub, 0, "alipes_connections")
    assert value(hub, "alipes_streams_closed_total") == 2
    # Prometheus' conventions: what has a unit ends with it, and every family says what it is.
    for family in families:
        assert family.documentation, family.name
        assert not family.unit or family.name.endswith(family.unit)
        assert re.fullmatch("(alipes|mercure|process)(_[a-z0-9]+)*", family.name)


def test_a_stream_that_does_not_read_is_one_that_catches_up(measured):
    hub = measured("tail 64KiB\nreply_timeout 60s")
    at = ("127.0.0.1", hub.port)
    slow = Stream(at, "topic=a")
    for i in range(1000):
        publish(at, topic="a", data="x" * 20000)
        if i % 50 == 0 and value(hub, "alipes_streams_catching_up"):
            break
    assert value(hub, "alipes_streams_catching_up") == 1 and value(hub, "alipes_fallbacks_total") == 1
    slow.close()
    becomes(hub, 0, "alipes_streams_catching_up")


def test_metrics_are_on_their_own_listener_alone_and_off_by_default(hub, measured):
    assert Client(("127.0.0.1", hub.port)).get("/metrics").status == 404
    other = measured()
    assert Client(("127.0.0.1", other.port)).get("/metrics").status == 404
    assert Client(other.metrics).get(f"{PATH}?topic=a").status == 404
    assert Client(other.metrics).request("POST", "/metrics").status == 405
    assert Client(other.metrics).request("HEAD", "/metrics").status == 200
    assert Client(other.metrics).get("/healthz").status == 200


def test_a_scrape_gets_through_where_max_connections_is_met(measured):
    hub = measured("max_connections 3")
    becomes(hub, 0, "alipes_connections")  # the one that has looked whether it has begun is gone
    streams = [Stream(("127.0.0.1", hub.port), "topic=a") for _ in range(3)]
    assert value(hub, "alipes_connections") == 3
    assert all(stream.status == 200 for stream in streams)


def run(hub, *words, **more):
    return subprocess.run([BIN, *words], capture_output=True, text=True, timeout=PATIENCE, **more)


def test_alipes_stat_is_for_people(measured):
    hub = measured()
    for i in range(3):
        publish(("127.0.0.1", hub.port), topic="a", data="x")
    done = run(hub, "stat", "--all", "-c", hub.conf)
    assert done.returncode == 0 and done.stderr == ""
    assert re.search(r"^ +3  publishes committed$", done.stdout, re.M)
    assert re.search(r"from taking a batch to its being committed\n +mean \S+ ms, half within \S+ ms, 99% within \S+ ms", done.stdout)
    assert "mercure_" not in done.stdout
    hub.stop()
    done = run(hub, "stat", "-c", hub.conf)
    assert done.returncode == 1 and "Connection refused" in done.stderr


def test_alipes_stat_says_how_the_hub_is_in_five_lines(measured):
    hub = measured("max_streams 4")
    at = ("127.0.0.1", hub.port)
    streams = [Stream(at, "topic=a") for _ in range(3)]
    publish(at, topic="a", data="x")
    assert publish(at, "", topic="a").status == 401
    for stream in streams:
        stream.datas(1)
    becomes(hub, 3, "alipes_deliveries_total")  # which is counted once they are sent
    done = run(hub, "stat", "-c", hub.conf)
    assert done.returncode == 0 and done.stderr == ""
    who, open_, traffic, history, trouble = done.stdout.splitlines()
    assert re.fullmatch(r"hub         alipes \S+, transport memory, up \d+ s, memory \d+ [KM]iB", who)
    assert re.fullmatch(r"streams     3 of 4 \(75%\), 0 catching up; 0 begin and 0 end a second", open_)
    assert re.fullmatch(r"traffic     0 publishes a second \(committed within \S+ m?s\), 0 deliveries a second \(within \S+ m?s\)", traffic)
    assert re.fullmatch(r"history     1 updates, \d+ B of 4096 KiB \(0%\), the oldest \d+ s old", history), history
    assert trouble == "trouble     refused: no_token 1"
    streams += [Stream(at, "topic=a") for _ in range(2)]
    assert [stream.status for stream in streams] == [200] * 5
    assert "bounds met: max_streams 1; refused: no_token 1" in run(hub, "stat", "-c", hub.conf).stdout


def test_alipes_stat_watches_with_rates_and_waits_for_a_hub_that_restarts(measured):
    hub = measured()
    watcher = subprocess.Popen([BIN, "stat", "--watch", "200ms", "-c", hub.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    at = ("127.0.0.1", hub.port)
    rates = []

    def rate():
        publish(at, topic="a", data="x")
        line = next(line for line in watcher.stdout if line.startswith("traffic"))
        rates.append(float(line.split()[1].replace(",", "")))
        return rates[-1] > 0

    wait_for(rate, "a rate")
    hub.stop()
    assert any("Connection refused" in line for line in watcher.stderr)  # one that was asked as it ended may say something else before
    hub.start()
    wait_for(rate, "a rate again")
    assert watcher.poll() is None
    watcher.terminate()
    watcher.communicate(timeout=60)
    for wrong in ("soon", "1ms"):
        done = run(hub, "stat", "--watch", wrong, "-c", hub.conf)
        assert done.returncode == 2 and "as in --watch 2s" in done.stderr


def test_alipes_stat_says_the_line_that_is_missing(hub):
    done = run(hub, "stat", "-c", hub.conf)
    assert done.returncode == 2 and "metrics_listen unix//run/alipes/metrics.sock|0600" in done.stderr


def test_alipes_health_says_it_by_its_exit_status(start_hub):
    hub = start_hub()
    done = run(hub, "health", "-c", hub.conf)
    assert (done.returncode, done.stdout) == (0, "ok\n")
    hub.stop()
    done = run(hub, "health", "-c", hub.conf)
    assert done.returncode == 1 and str(hub.port) in done.stderr
    assert run(hub, "health", "-c", hub.folder / "nothing").returncode == 2
    assert run(hub, "health", "and", "more").returncode == 2


def test_alipes_health_reads_the_environment_as_the_hub_does(tmp_path):
    port = free_port()
    env = {"MERCURE_LISTEN_ADDR": f":{port}", "MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY,
           "MERCURE_EXTRA_DIRECTIVES": "healthz /ready", "ALIPES_DEFAULTS": str(tmp_path / "defaults.conf")}
    (tmp_path / "defaults.conf").write_text(f"transport log {{ path {tmp_path}/history }}")
    server = Server([BIN], tmp_path / "log", env)
    wait_for(lambda: run(None, "health", env=env).returncode == 0 or server.process.poll() is not None, "the hub")
    assert Client(("127.0.0.1", port)).get("/ready").status == 200
    assert (tmp_path / "history").is_dir()
    assert server.stop() == 0


def test_packaged_defaults_give_way_to_whoever_says_something_else(tmp_path):
    """What an image or a package sets: a file, listen and the history's folder; each can be said otherwise."""
    ports = [free_port() for _ in range(3)]
    conf, defaults = tmp_path / "alipes.conf", tmp_path / "defaults.conf"
    defaults.write_text(f"listen 127.0.0.1:{ports[0]} 127.0.0.1:{ports[1]}\ntransport memory")
    env = {"MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY, "ALIPES_CONFIG": str(conf),
           "ALIPES_DEFAULTS": str(defaults)}

    def listens(env):
        server = Server([BIN], tmp_path / "log", env)
        wait_for(lambda: "event=ready" in server.log() or server.process.poll() is not None, "the hub")
        found = re.findall(r'event=listening address="\S*?(\d+)"', server.log())
        assert server.stop() == 0, server.log()
        server.log_path.unlink()
        return [ports.index(int(port)) for port in found]

    assert listens(env) == [0, 1]
    assert listens({**env, "SERVER_NAME": f":{ports[2]}"}) == [2]
    assert listens({**env, "SERVER_NAME": "hub.example"}) == [0, 1]
    assert listens({**env, "MERCURE_LISTEN_ADDR": f"127.0.0.1:{ports[2]}", "SERVER_NAME": ":1"}) == [2]
    assert listens({**env, "MERCURE_EXTRA_DIRECTIVES": f"listen 127.0.0.1:{ports[2]}"}) == [2]
    conf.write_text(f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\n")
    assert listens(env) == [0, 1]
    conf.write_text(f"listen 127.0.0.1:{ports[2]}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\n")
    assert listens({**env, "SERVER_NAME": ":1"}) == [2]
    defaults.write_text("lisen :80")
    assert f"{defaults}:1: unknown directive" in run(None, env=env).stderr


def test_a_hub_whose_history_cannot_be_written_is_not_ready_until_it_can(measured, tmp_path):
    hub = measured(f"transport log {{ path {tmp_path}/history }}")
    at = ("127.0.0.1", hub.port)
    assert publish(at, topic="a", data="x").status == 200
    no_limit = resource.prlimit(hub.server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(hub.server.process.pid, resource.RLIMIT_FSIZE, (1, no_limit[1]))
    assert publish(at, topic="a", data="y").status == 503
    assert Client(at).get("/healthz").status == 503
    assert run(hub, "health", "-c", hub.conf).returncode == 1
    resource.prlimit(hub.server.process.pid, resource.RLIMIT_FSIZE, no_limit)
    wait_for(lambda: Client(at).get("/healthz").status == 200, "the hub to be ready again")
    assert publish(at, topic="a", data="z").status == 200
    assert value(hub, "alipes_history_events") == 2
    assert value(hub, "alipes_publishes_failed_total") == 1


def test_sigusr1_begins_the_logs_file_anew(start_hub):
    hub = start_hub()
    hub.stop()
    log = hub.folder / "own.log"
    hub.conf.write_text(hub.conf.read_text().replace("log logfmt debug", f"log logfmt debug {log}"))
    hub.start()
    log.rename(hub.folder / "own.log.1")
    hub.server.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: log.exists() and "event=log_reopened" in log.read_text(), "the new file")
    assert publish(("127.0.0.1", hub.port), "", topic="a").status == 401
    wait_for(lambda: "event=refused" in log.read_text(), "a line in the new file")
    assert "event=refused" not in (hub.folder / "own.log.1").read_text()


def test_every_metric_stands_in_its_manual_page(measured):
    hub = measured()
    page = (ROOT / "backend/cli/alipes-metrics.7").read_text() + run(hub, "config", "--man-metrics").stdout
    written = set(re.findall(r"^(?:\.B |\\fB)((?:alipes|mercure|process)_\w+)", page, re.M))
    names = set()
    for family in scrape(hub.metrics)[1]:
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        names.add(family.name + suffix)
    assert names == written


def test_publishers_that_sign_a_token_each_time_take_no_place_from_subscribers(measured):
    hub = measured(workers=1)
    client = Client(("127.0.0.1", hub.port))
    counted = lambda: [value(hub, f"alipes_tokens_{what}_total") for what in ("judged", "remembered")]  # noqa: E731
    tokens = [token(subscribe=["*"], sub=str(i)) for i in range(30)]

    def subscribe():
        before = counted()
        for each in tokens:
            assert client.request("HEAD", f"{PATH}?topic=a", [f"Authorization: Bearer {each}"]).status == 200
        return [now - then for now, then in zip(counted(), before)]

    assert (subscribe(), subscribe()) == ([30, 0], [0, 30])
    for i in range(500):
        lines = ["Content-Type: application/x-www-form-urlencoded", f"Authorization: Bearer {token(['*'], jti=str(i))}"]
        assert client.request("POST", PATH, lines, b"topic=a").status == 200
    assert subscribe() == [0, 30]
