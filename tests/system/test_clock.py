"""A wall clock that is set while the hub runs: tokens end by it, whatever timers go by."""
import time

from conftest import Stream, token
from trouble import Trouble


def test_a_stream_ends_with_its_token_also_where_the_clock_is_set_forward(start_hub, tmp_path, monkeypatch):
    trouble = Trouble(tmp_path, tmp_path)
    for name in ("LD_PRELOAD", "TROUBLE", "TROUBLE_FOLDER"):
        monkeypatch.setenv(name, trouble.env[name])
    hub = start_hub("heartbeat 0s")
    short, long = (Stream(hub.socket, "topic=t", f"Authorization: Bearer {token(subscribe=['*'], exp=time.time() + left)}") for left in (3600, 36000))
    trouble.set(clock_ms=3601 * 1000)
    began = time.monotonic()
    assert b"retry: " in short.end()
    assert time.monotonic() - began < 5
    trouble.set(clock_ms=36001 * 1000)
    assert b"retry: " in long.end()


def test_a_stream_is_not_ended_early_by_a_clock_that_is_set_back(start_hub, tmp_path, monkeypatch):
    trouble = Trouble(tmp_path, tmp_path)
    for name in ("LD_PRELOAD", "TROUBLE", "TROUBLE_FOLDER"):
        monkeypatch.setenv(name, trouble.env[name])
    hub = start_hub("heartbeat 0s")
    stream = Stream(hub.socket, "topic=t", f"Authorization: Bearer {token(subscribe=['*'], exp=time.time() + 2)}")
    trouble.set(clock_ms=-3600 * 1000)
    later = Stream(hub.socket, "topic=t", f"Authorization: Bearer {token(subscribe=['*'], exp=time.time() - 3600 + 3)}")
    assert b"retry: " in later.end(), "3 s later by the clock as it is"
    stream.socket.settimeout(0.1)
    try:
        assert stream.piece(), "its token is good for an hour"
    except TimeoutError:
        pass
