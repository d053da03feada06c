"""Extensions beside the function of `lambent rie`: started with it, told what it is, ended with it."""

from __future__ import annotations

import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.emulator import lives, running_emulator
from tests.support.emulator_extensions import (
    DEAD,
    LEAVING,
    LISTENER,
    MORTAL,
    PROBER,
    STAYING,
    UNFIT,
    write_extension,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.emulator import RunningEmulator


def heard(emulator: RunningEmulator, name: str = "listener") -> list[tuple[str, dict[str, Any]]]:
    """(_INSTANCE, event) of each event that was given out so far."""
    found = re.findall(rf"^{name} (\d+) heard (.*)$", emulator.printed, re.MULTILINE)
    return [(instance, json.loads(event)) for instance, event in found]


def test_an_extension_registers_before_the_runtime_starts_and_hears_invocations_and_the_end(
    tmp_path: Path,
) -> None:
    layers = write_extension(tmp_path / "opt", "listener", LISTENER)
    with running_emulator(
        tmp_path, "function.ctx", LAMBENT_LAYERS_ROOT=str(layers), AWS_LAMBDA_FUNCTION_NAME="named"
    ) as emulator:
        told = emulator.invoke({}, X_Amzn_Trace_Id="Root=1-5759e988-bd862e3fe1be46a994272793").json
        assert "listener 0 registered 200" in emulator.wait_printed("INVOKE")
        registered = re.search("registered 200 (.*)", emulator.printed)
        assert registered is not None
        assert json.loads(registered[1]) == {
            "functionName": "named",
            "functionVersion": "$LATEST",
            "handler": "function.ctx",
        }
        [(instance, event)] = heard(emulator)
        assert instance == "0"
        assert event["eventType"] == "INVOKE"
        assert event["requestId"] == told["request_id"]
        assert event["invokedFunctionArn"].endswith(":function:named")
        assert event["deadlineMs"] > 0
        assert event["tracing"]["value"].startswith("Root=1-5759e988-bd862e3fe1be46a994272793")
        assert emulator.stop() == 0
        (_, _), (_, end) = heard(emulator)
        assert (end["eventType"], end["shutdownReason"]) == ("SHUTDOWN", "spindown")


def test_an_extension_that_stays_is_killed_two_seconds_after_it_was_told(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "staying", STAYING)
    with running_emulator(tmp_path, "function.echo", LAMBENT_LAYERS_ROOT=str(layers)) as emulator:
        assert emulator.invoke(1).json == 1
        found = re.search(r"staying 0 is (\d+)", emulator.wait_printed("staying 0 is"))
        assert found is not None
        assert emulator.stop() == 0
        left = re.search(r"staying 0 has (-?\d+) ms", emulator.printed)
        assert left is not None, "it was not told"
        assert int(left[1]) <= 2000
        assert not lives(int(found[1]))


@pytest.mark.parametrize(
    ("program", "error_type"),
    [(UNFIT, "Extension.InitError"), (LEAVING, "Extension.ExitError")],
)
def test_an_extension_that_says_that_it_ends_fails_the_call_at_once(
    tmp_path: Path, program: str, error_type: str
) -> None:
    layers = write_extension(tmp_path / "opt", "telling", program)
    with running_emulator(
        tmp_path,
        "function.sleeper",
        LAMBENT_LAYERS_ROOT=str(layers),
        AWS_LAMBDA_FUNCTION_TIMEOUT="100",
    ) as emulator:
        answer = emulator.invoke({"seconds": 60})
        assert (answer.function_error, answer.json["errorType"]) == ("Unhandled", error_type)
        (layers / "extensions/telling").unlink()
        assert emulator.invoke({}).function_error is None


def test_after_a_time_out_extensions_are_told_so_and_started_again(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "listener", LISTENER)
    with running_emulator(
        tmp_path,
        "function.sleeper",
        LAMBENT_LAYERS_ROOT=str(layers),
        AWS_LAMBDA_FUNCTION_TIMEOUT="1",
    ) as emulator:
        assert emulator.invoke({"seconds": 30}).json["errorType"] == "Sandbox.Timedout"
        emulator.wait_printed('"SHUTDOWN"')
        reasons = [event.get("shutdownReason") for _, event in heard(emulator)]
        assert reasons == [None, "timeout"]
        assert emulator.invoke({}).function_error is None
        assert emulator.printed.count("registered 200") == 2


def test_each_mistake_of_an_extension_is_refused_in_awss_words(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "prober", PROBER)
    with running_emulator(tmp_path, "function.echo", LAMBENT_LAYERS_ROOT=str(layers)) as emulator:
        assert emulator.invoke(1).json == 1
        emulator.wait_printed("unknown identifier")
        probes = [json.loads(line) for line in re.findall("probe (.*)", emulator.printed)]
    assert {name: (status, error) for name, status, error, _ in probes} == {
        "no name": (403, "Extension.InvalidExtensionName"),
        "no JSON": (403, "InvalidRequestFormat"),
        "no event": (403, "Extension.InvalidEventType"),
        "internal shutdown": (403, "Extension.InvalidEventType"),
        "twice": (403, "Extension.InvalidExtensionState"),
        "no identifier": (403, "Extension.MissingExtensionIdentifier"),
        "no UUID": (403, "Extension.InvalidExtensionIdentifier"),
        "unknown identifier": (403, "Extension.UnknownExtensionIdentifier"),
    }
    words = {name: message for name, _, _, message in probes}
    assert words["internal shutdown"].endswith("ShutdownEventNotSupportedForInternalExtension")


def test_an_extension_inside_the_runtime_hears_invocations_and_can_not_come_late(
    tmp_path: Path,
) -> None:
    with running_emulator(tmp_path, "inside.handler") as emulator:
        answer = emulator.invoke({}).json
        assert answer["first"][0] == 200
        status, refusal = answer["late"]
        assert (status, refusal["errorType"]) == (403, "Extension.RegistrationClosed")
        emulator.wait_printed('inner heard {"eventType": "INVOKE"')


def test_an_extension_that_ends_before_it_registers_fails_the_call_at_once(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "dead", DEAD)
    with running_emulator(
        tmp_path,
        "function.echo",
        LAMBENT_LAYERS_ROOT=str(layers),
        AWS_LAMBDA_FUNCTION_TIMEOUT="100",
    ) as emulator:
        for _ in range(2):
            answer = emulator.invoke(1)
            assert answer.function_error == "Unhandled"
            assert answer.json["errorType"] == "Extension.Crash"
            assert answer.json["errorMessage"].endswith("Error: exit status 7")


def test_an_extension_that_dies_later_fails_that_call_and_none_after_it(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "mortal", MORTAL)
    with running_emulator(
        tmp_path,
        "function.sleeper",
        LAMBENT_LAYERS_ROOT=str(layers),
        AWS_LAMBDA_FUNCTION_TIMEOUT="100",
    ) as emulator:
        assert emulator.invoke({"seconds": 60}).json["errorType"] == "Extension.Crash"
        (layers / "extensions/mortal").unlink()
        assert emulator.invoke({}).function_error is None


def test_the_file_that_disables_extensions_disables_both_kinds(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "listener", LISTENER)
    (layers / "disable-extensions-jwigqn8j").touch()
    with running_emulator(tmp_path, "inside.handler", LAMBENT_LAYERS_ROOT=str(layers)) as emulator:
        assert emulator.invoke({}).json["first"][0] == 403
        assert "listener" not in emulator.printed


def test_each_instance_has_extensions_of_its_own_which_hear_of_it_alone(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "listener", LISTENER)
    folder = tmp_path / "together"
    folder.mkdir()
    event = {"folder": str(folder), "count": 2}
    with running_emulator(
        tmp_path,
        "function.together",
        LAMBENT_LAYERS_ROOT=str(layers),
        MAX_CONCURRENCY="2",
        AWS_LAMBDA_FUNCTION_TIMEOUT="60",
    ) as emulator:
        with ThreadPoolExecutor(2) as threads:
            answers = [each.json for each in threads.map(lambda _: emulator.invoke(event), "12")]
        emulator.signal(signal.SIGTERM)
        emulator.wait()
        told = {(instance, e["requestId"]) for instance, e in heard(emulator) if "requestId" in e}
    assert {answer["instance"] for answer in answers} == {"0", "1"}
    assert told == {(answer["instance"], answer["request_id"]) for answer in answers}
