"""Every command explains itself, and says what was perhaps meant where it was called by a name that is none."""

import os
import re
import subprocess

import pytest
from conftest import BIN


def alipes(*words):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MERCURE_", "ALIPES_CONFIG"))}
    return subprocess.run([BIN, *words], capture_output=True, text=True, timeout=60, env=clean)


def commands():
    """As the list has them: alipes NAME, of one word or two."""
    return [name.split() for name in re.findall("^    alipes (.*?)  ", alipes("--help").stdout, re.M)[2:]]


def test_every_command_has_its_help_on_standard_output_with_an_example():
    assert {"stat", "token"} < {words[0] for words in commands()}
    for words in commands():
        if words == ["config", "--help"]:
            continue
        done = alipes(*words, "--help")
        assert (done.returncode, done.stderr) == (0, ""), words
        usage, text, *_, example = done.stdout.split("\n\n")
        assert usage.startswith(f"usage: alipes {' '.join(words)}")
        assert words[0].startswith("-") or 2 <= len(text.split("\n")) <= 6, text
        assert example.startswith("For example:\n    "), words
        assert all(len(line) <= 100 for line in done.stdout.split("\n")), words
        assert alipes("help", *words).stdout == alipes(*words, "-h").stdout == done.stdout
        if len(words) == 1 and not words[0].startswith("-"):
            assert alipes(words[0], "-c", "nothing", "--help").stdout == done.stdout


def test_the_list_is_printed_when_it_is_asked_for():
    assert alipes("--help").stdout == alipes("help").stdout == alipes("-h").stdout != ""
    for group in ("history", "config"):
        asked, not_asked = alipes("help", group), alipes(group)
        assert asked.returncode == 0 and asked.stdout == not_asked.stderr and f"alipes {group} check" in asked.stdout
        assert not_asked.returncode == 2 and not not_asked.stdout
    assert alipes("history", "--help").stdout == alipes("help", "history").stdout


@pytest.mark.parametrize("words,meant", [
    (["stats"], "stats; did you mean stat?"), (["histroy"], "histroy; did you mean history?"),
    (["history", "dum"], "history dum; did you mean history dump?"), (["token", "inspct"], "token inspct; did you mean token inspect?"),
    (["config", "chekc", "x"], "config chekc; did you mean config check?"), (["nonsense"], "nonsense"), (["help", "tokne"], "tokne; did you mean token?"),
])
def test_a_mistyped_command_is_told_what_was_meant(words, meant):
    done = alipes(*words)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(f"alipes: unknown command {meant}\nusage:")


@pytest.mark.parametrize("words,sentence", [
    (["token", "--pubish", "x"], "unknown option --pubish; did you mean --publish?"), (["health", "-x"], "unknown option -x"),
    (["health", "-c"], "-c is followed by FILE"), (["health", "and"], "and is one word too many"), (["token", "--exp"], "--exp is followed by DURATION"),
    (["token", "--key", "secret"], "a secret on a command line is no secret: use --key-file, -c or the environment"),
    (["token", "--publish=x", "--exp=soon"], "--exp: expected a duration, as in --exp 1h"), (["history", "stat", "a", "--", "-b"], "-b is one word too many"),
])
def test_a_wrong_call_is_told_what_is_wrong_and_how_it_is_called(words, sentence):
    done = alipes(*words)
    name = words[0] if words[0] != "history" else " ".join(words[:2])
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(f"alipes {name}: {sentence}\nusage: alipes {name}")


def test_without_a_file_behind_c_nothing_runs():
    assert alipes("-c").stderr == alipes("-c", "a", "b").stderr == "usage: alipes -c FILE\n"
