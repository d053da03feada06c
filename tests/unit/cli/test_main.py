from __future__ import annotations

import logging
import resource
import runpy
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from lambent.cli import main as main_module
from lambent.cli.main import main
from lambent.server import server
from lambent.server.addresses import Addresses
from lambent.server.listening import AddressInUse
from lambent.server.settings import SETTINGS


class Served:
    """Takes the server's place."""

    def __init__(self):
        self.configs = []
        self.entered = []
        self.limits = []
        self.failure = None
        self.addresses = Addresses(
            listening=(), url="http://127.0.0.1:9000", port=9000, secure_url=None, authority=None
        )

    async def serve(self, config, announce):
        self.configs.append(config)
        if self.failure is not None:
            raise self.failure
        announce(self.addresses)


@pytest.fixture
def served(monkeypatch, tmp_path):
    made = Served()
    monkeypatch.setattr(server, "serve", made.serve)
    monkeypatch.setattr(main_module, "enter_namespaces", lambda: made.entered.append(True))
    monkeypatch.setattr(logging, "basicConfig", lambda **options: None)
    monkeypatch.setattr(logging.getLogger("lambent"), "level", logging.NOTSET)
    monkeypatch.setattr(sys, "setswitchinterval", lambda seconds: None)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 524_288))
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: made.limits.append(limits))
    monkeypatch.setenv("HOME", str(tmp_path))
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.delenv("LAMBENT_CONFIG", raising=False)
    return made


def run(*arguments, **options):
    return CliRunner().invoke(main, arguments, **options)


def test_the_command_knows_its_version_and_its_sub_commands():
    assert version("lambent") in run("--version").output
    help_text = run("--help").output
    for command in ("serve", "doctor", "runtime", "invoke", "logs"):
        assert f"\n  {command} " in help_text


def test_every_setting_is_an_option_with_its_variable_and_default(served):
    help_text = " ".join(run("serve", "--help", terminal_width=200).output.split())
    for setting in SETTINGS:
        assert f" {setting.option} " in help_text
        assert f"[{setting.variable}; default: " in help_text


def test_serve_runs_the_server_with_its_settings_and_says_where(served):
    result = run("serve", "--port", "9999", env={"LAMBENT_REGION": "eu-central-1"})
    assert result.exit_code == 0
    [config] = served.configs
    assert (config.port, config.region) == (9999, "eu-central-1")
    assert "Lambent is listening on http://127.0.0.1:9000\n" in result.stderr
    assert "aws --endpoint-url http://127.0.0.1:9000 lambda" in result.stderr
    assert result.stdout == ""


def test_serve_says_where_it_answers_over_tls_and_whom_to_trust(served):
    assert "TLS" not in run("serve").stderr
    served.addresses = replace(
        served.addresses, secure_url="https://[::1]:9443", authority=Path("/data/tls/authority.pem")
    )
    told = "  and with TLS on https://[::1]:9443\n  by the authority /data/tls/authority.pem, "
    assert told in run("serve").stderr


def test_serve_reads_the_file_it_is_given(served, tmp_path):
    file = tmp_path / "lambent.toml"
    file.write_text("port = 1234")
    run("serve", "--config", str(file))
    assert served.configs[0].port == 1234


@pytest.mark.parametrize(("isolation", "entered"), [("namespaces", [True]), ("process", [])])
def test_namespaces_are_entered_before_anything_else(served, isolation, entered):
    run("serve", "--isolation", isolation)
    assert served.entered == entered


def test_a_bad_setting_is_told_without_a_traceback(served):
    result = run("serve", "--port", "many")
    assert result.exit_code == 1
    assert result.stderr == "Error: --port: 'many' must be a whole number from 0 to 65535\n"
    assert served.configs == []


def test_a_known_failure_is_told_without_a_traceback(served):
    served.failure = AddressInUse("cannot listen")
    result = run("serve")
    assert result.exit_code == 1
    assert result.stderr == "Error: cannot listen\n"


def test_an_unknown_failure_is_not_hidden(served):
    served.failure = RuntimeError("a mistake of ours")
    assert isinstance(run("serve").exception, RuntimeError)


def test_the_server_may_have_as_many_descriptors_as_its_user(served):
    run("serve")
    assert served.limits == [(resource.RLIMIT_NOFILE, (524_288, 524_288))]


def test_the_log_level_is_that_of_our_own_log(served):
    run("serve", "--log-level", "debug")
    assert logging.getLogger("lambent").level == logging.DEBUG


def test_the_package_can_be_run_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lambent", "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("lambent", run_name="__main__")
    assert caught.value.code == 0
    assert "AWS Lambda on machines you own" in capsys.readouterr().out


def test_the_command_loads_without_the_library_that_only_few_of_its_commands_need():
    code = "import sys, lambent.cli.main; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
