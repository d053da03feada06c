from __future__ import annotations

import importlib.util
import logging

import pytest
from click.testing import CliRunner

from lambent.cli import emulator_commands
from lambent.cli.emulator_commands import rie, serve_until_told
from lambent.emulator.amqp.connection import BrokerUnreachable
from lambent.server.listening import AddressInUse


@pytest.fixture
def served(monkeypatch):
    """The arguments that the emulator was started with."""
    given: list[list[str]] = []
    monkeypatch.setattr(emulator_commands, "serve_function", given.append)
    return given


def run(*arguments):
    return CliRunner().invoke(rie, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("./bootstrap", "function.handler"),
        ("python3", "-m", "awslambdaric", "app.handler"),
        ("python3", "app.py", "--help"),
        ("./bootstrap", "--runtime-interface-emulator-address", "0.0.0.0:8081", "a.b"),
        ("./bootstrap", "--", "--log-level", "debug"),
    ],
)
def test_the_functions_command_keeps_its_own_options(served, arguments):
    run(*arguments)

    assert served == [list(arguments)]


def test_flags_in_front_of_the_command_are_the_emulators(served):
    run("--log-level", "debug", "--runtime-api-address=127.0.0.1:0", "./bootstrap", "a.b")

    [arguments] = served
    assert sorted(arguments[:2]) == ["--log-level=debug", "--runtime-api-address=127.0.0.1:0"]
    assert arguments[2:] == ["./bootstrap", "a.b"]


def test_an_unknown_flag_in_front_is_the_commands(served):
    run("--enable-init-caching", "./bootstrap")

    assert served == [["--enable-init-caching", "./bootstrap"]]


def test_help_tells_how_to_try_it(served):
    told = run("--help")

    assert told.exit_code == 0
    assert "curl http://localhost:8080/2015-03-31/functions/function/invocations" in told.output
    assert not served


def test_a_setting_that_cannot_be_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setenv("MAX_CONCURRENCY", "abc")

    told = run("./bootstrap")

    assert told.exit_code == 1
    assert told.output.startswith("Error: MAX_CONCURRENCY is 'abc'")


def test_a_broker_without_its_library_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setenv("AMQP_URI", "amqp://localhost")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    told = run("./bootstrap")

    assert told.exit_code == 1
    assert "pip install 'lambent[amqp]'" in told.output


def ended_by(failure: Exception | None, capsys):
    async def serve(on_listening):
        on_listening("http://127.0.0.1:8080")
        if failure is not None:
            raise failure

    with pytest.raises(SystemExit) as ended:
        serve_until_told(serve)
    return ended.value.code, capsys.readouterr().err


def test_where_it_listens_is_logged_and_its_end_is_a_success(capsys, caplog):
    caplog.set_level(logging.INFO, "lambent.emulator")

    assert ended_by(None, capsys) == (0, "")
    assert "Invoke API listening on http://127.0.0.1:8080" in caplog.text


@pytest.mark.parametrize(
    "failure",
    [
        AddressInUse("no such place"),
        ExceptionGroup("tasks", [BrokerUnreachable("no such place")]),
        ExceptionGroup("tasks", [ExceptionGroup("more", [BrokerUnreachable("no such place")])]),
    ],
)
def test_what_people_can_mend_ends_it_with_a_sentence(capsys, failure):
    assert ended_by(failure, capsys) == (1, "Error: no such place\n")


def test_a_mistake_of_ours_ends_it_with_a_traceback(capsys):
    with pytest.raises(ExceptionGroup):
        ended_by(ExceptionGroup("tasks", [BrokerUnreachable("a"), ValueError("b")]), capsys)
