"""Debian 13 and Ubuntu 24.04: other names of the libraries, newer compilers, another systemd, another Apache. Both are made
at once, for what takes the time is their downloads."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from machine import Machine
from behind import in_apache, site_of_the_readme, through, without_starting
from packaged import MODULE, active, address, configure, install, journal, lintian, publishes
from conftest import Stream, Tls, wait_for

SUITES = {"trixie": ["libicu76", "libjwt2", "libcurl4t64", "libssl3t64", "libev4t64"],
          "noble": ["libicu74", "libjwt2", "libcurl4t64", "libssl3t64", "libev4t64"]}


def with_packages(suite):
    made = Machine(suite)
    try:
        made.run("make deb")
        return made
    except BaseException:
        made.close()
        raise


@pytest.fixture(scope="module")
def machines():
    with ThreadPoolExecutor() as pool:
        making = {suite: pool.submit(with_packages, suite) for suite in SUITES}
    try:
        yield {suite: made.result() for suite, made in making.items()}
    finally:
        for made in making.values():
            if not made.exception():
                made.result().close()


@pytest.fixture(params=SUITES)
def machine(machines, request):
    machine = machines[request.param]
    yield machine
    machine.run("dpkg --purge libapache2-mod-alipes alipes 2>&1; systemctl reset-failed")


def test_the_package_is_made_installed_and_runs_elsewhere(machine, request):
    depends = machine.run("dpkg-deb -f build/alipes_*.deb Depends").strip().split(", ")
    assert set(SUITES[request.node.callspec.params["machine"]]) <= {each.partition(" ")[0] for each in depends}
    assert lintian(machine) == ""
    install(machine)
    assert active(machine) == ["active", "active"]
    # ICU and libcurl are opened when they are needed.
    configure(machine, "anonymous\npublic_urls http://hub.example\nsubscriber_jwks_url https://127.0.0.1:9/jwks\n")
    wait_for(lambda: "event=key_set_failed" in journal(machine), "libcurl's words")
    assert "onnect" in journal(machine) and "library_missing" not in journal(machine)
    stream = Stream(address(machine), "topic=caf%C3%A9")
    assert stream.status == 200
    assert publishes(machine, "x", "caf\u00e9", id="before") == 200
    assert stream.datas(1) == ["x"]
    stream.close()
    assert publishes(machine, "y", "caf\u00e9") == 200
    machine.run("systemctl restart alipes")
    stream = Stream(address(machine), "topic=caf%C3%A9&lastEventID=before")
    assert stream.datas(1) == ["y"]
    stream.close()
    machine.run("apt-get purge -y -q alipes")
    assert active(machine) == ["inactive", "inactive"]


def test_a_stream_in_its_apache_outlives_a_restart_of_the_hub(machine):
    install(machine)
    without_starting(machine, f"apache2 {MODULE}")
    through(machine, Tls(in_apache(machine, *site_of_the_readme())), outlives=True)
    machine.run("systemctl stop apache2")


def test_a_package_of_another_system_is_refused_in_words_and_nothing_is_changed(machines):
    """Not installed to break when it is started: the names of the libraries say for which system it is."""
    for here, there in (("noble", "trixie"), ("trixie", "noble")):
        foreign = next(machines[there].path("/alipes/build").glob("alipes_*.deb"))
        machines[here].path("/alipes/foreign.deb").write_bytes(foreign.read_bytes())
        said = machines[here].run("apt-get install -y -q ./foreign.deb; echo status $?")
        assert f"alipes : Depends: {SUITES[there][0]} but it is not installable" in said and "status 100" in said, said
        assert "alipes" not in machines[here].run("dpkg-query -W -f '${Package}\\n'").split()
