from __future__ import annotations

import importlib.util

import pytest
from click.testing import CliRunner

from lambent.cli.gateway_command import gateway


def run(*arguments):
    return CliRunner().invoke(gateway, arguments)


def test_help_tells_how_to_try_it():
    told = run("--help")

    assert told.exit_code == 0
    assert "curl http://localhost:8081/2015-03-31/functions/echo/invocations" in told.output
    for setting in ("TIME_OUT_ANSWER", "AWS_ACCOUNT_ID", "AWS_REGION"):
        assert setting in told.output


@pytest.mark.parametrize("setting", ["PORT", "AWS_LAMBDA_FUNCTION_TIMEOUT"])
def test_a_setting_that_cannot_be_is_told_in_a_sentence(monkeypatch, setting):
    monkeypatch.setenv(setting, "abc")

    told = run()

    assert told.exit_code == 1
    assert told.output.startswith(f"Error: {setting} is 'abc'")


def test_without_the_brokers_library_it_is_told_how_to_have_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    told = run()

    assert told.exit_code == 1
    assert "pip install 'lambent[amqp]'" in told.output


def test_its_settings_are_in_the_environment():
    assert run("--port", "1").exit_code == 2
