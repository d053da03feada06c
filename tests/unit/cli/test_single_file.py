from __future__ import annotations

import pytest
from click.testing import CliRunner

from lambent.cli.emulator_commands import rie
from lambent.cli.single_file import command_line, copy_itself


@pytest.mark.parametrize("called", ["aws-lambda-rie", "lambent-rie", "lambda-runtime-api-daemon"])
def test_by_other_names_all_arguments_are_the_functions_command(called):
    arguments = ["./bootstrap", "--version", "--log-level", "debug", "function.handler"]

    assert command_line(called, arguments) == (True, arguments)


def test_without_arguments_it_is_the_emulator():
    assert command_line("aws-lambda-rie", []) == (True, [])


@pytest.mark.parametrize("called", ["lambda-server", "lambent-gateway"])
def test_by_the_names_of_the_gateway_it_is_that(called):
    assert command_line(called, ["--help"]) == (False, ["gateway", "--help"])


def test_as_lambent_it_has_commands():
    assert command_line("lambent", ["rie", "./f"]) == (False, ["rie", "./f"])


@pytest.mark.parametrize(
    ("argument", "expected"), [("--help", ["rie", "--help"]), ("--version", ["--version"])]
)
def test_asked_about_itself_alone_it_answers(argument, expected):
    assert command_line("aws-lambda-rie", [argument]) == (False, expected)


def test_a_copy_has_its_name_mode_and_bytes_and_replaces_an_older_one(tmp_path):
    executable, volume = tmp_path / "aws-lambda-rie", tmp_path / "volume"
    volume.mkdir()
    (volume / "aws-lambda-rie").write_text("older")
    executable.write_bytes(b"program")
    executable.chmod(0o755)

    assert copy_itself(executable, volume) == 0

    [copy] = volume.iterdir()
    assert (copy.name, copy.read_bytes()) == ("aws-lambda-rie", b"program")
    assert copy.stat().st_mode == executable.stat().st_mode


def test_a_copy_that_cannot_be_is_told(tmp_path, capsys):
    executable = tmp_path / "aws-lambda-rie"
    executable.write_bytes(b"program")

    assert copy_itself(executable, tmp_path / "nowhere") == 1

    assert "Error: cannot copy" in capsys.readouterr().err


def test_what_is_no_single_file_says_that_it_cannot_copy_itself(monkeypatch):
    monkeypatch.setenv("KUBERNETES_INIT_CONTAINER", "")

    refused = CliRunner().invoke(rie, ["./bootstrap"])

    assert refused.exit_code == 1
    assert "only the single file that `make rie` builds can copy itself" in refused.output
