from __future__ import annotations

import pytest

from lambent.emulator.command_line import SettingsError, parse_arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runtime-api-address", "127.0.0.1:9002", "./run", "a.b"],
        ["./run", "--runtime-api-address=127.0.0.1:9002", "a.b"],
        ["./run", "a.b", "--runtime-api-address", "127.0.0.1:9002"],
    ],
)
def test_a_flag_may_stand_anywhere(arguments):
    line = parse_arguments(arguments)
    assert line.command == ("./run", "a.b")
    assert line.runtime_api == ("127.0.0.1", 9002)


def test_flags_of_the_commands_are_its_own():
    command = ["node", "--inspect", "--log=x", "-v", "index.handler"]
    assert parse_arguments(command).command == tuple(command)


def test_behind_two_dashes_all_is_the_commands():
    line = parse_arguments(["--log-level", "info", "--", "./run", "--log-level", "debug"])
    assert line.command == ("./run", "--log-level", "debug")
    assert line.log_level == "info"


def test_an_address_may_leave_out_its_host_and_have_brackets():
    line = parse_arguments(
        ["--runtime-interface-emulator-address", ":8081", "--runtime-api-address", "[::1]:0"]
    )
    assert line.invoke_api == ("0.0.0.0", 8081)
    assert line.runtime_api == ("::1", 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runtime-api-address", "localhost"], "an address has a port"),
        (["--runtime-api-address", "localhost:http"], "a port is a number"),
        (["--runtime-api-address"], "needs a value"),
    ],
)
def test_what_is_no_address_is_refused(arguments, said):
    with pytest.raises(SettingsError, match=said):
        parse_arguments(arguments)


def test_a_flag_without_a_meaning_here_is_told_of():
    line = parse_arguments(["--enable-init-caching", "./run"])
    assert line.command == ("./run",)
    assert "--enable-init-caching has no effect" in line.warnings[0]
