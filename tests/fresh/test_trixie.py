"""Debian 13: other names of the libraries, a newer compiler, a newer systemd."""
import pytest

from machine import Machine
from packaged import active, address, configure, install, journal, lintian, publishes
from conftest import Stream, wait_for


@pytest.fixture(scope="module")
def machine():
    made = Machine("trixie")
    try:
        yield made
    finally:
        made.close()


def test_the_package_is_made_installed_and_runs_on_debian_13(machine):
    machine.run("make deb")
    depends = machine.run("dpkg-deb -f build/alipes_*.deb Depends")
    assert "libicu76" in depends and "libjwt2" in depends and "libcurl4t64" in depends
    assert lintian(machine) == ""
    install(machine)
    assert active(machine) == ["active", "active"]
    # ICU and libcurl are opened when they are needed.
    configure(machine, "anonymous\npublic_urls http://hub.example\nsubscriber_jwks_url https://127.0.0.1:9/jwks\n")
    wait_for(lambda: "event=key_set_failed" in journal(machine), "libcurl's words")
    assert "onnect" in journal(machine) and "library_missing" not in journal(machine)
    stream = Stream(address(machine), "topic=caf%C3%A9")
    assert stream.status == 200
    assert publishes(machine, "x", "caf\u00e9") == 200
    assert stream.datas(1) == ["x"]
    stream.close()
    machine.run("apt-get purge -y -q alipes")
    assert active(machine) == ["inactive", "inactive"]
