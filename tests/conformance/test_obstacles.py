"""What keeps a function from being run is said in the emulator's own log, too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.emulator import running_emulator
from tests.support.emulator_extensions import LISTENER, write_extension
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def test_a_command_that_is_missing_is_said_at_the_start_and_each_time(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    with running_emulator(tmp_path, ["./bootstrap", "a.b"], directory=code) as emulator:
        assert "[WARNING] (lambent) no call could be run yet" in emulator.said
        assert "./bootstrap is not there" in emulator.said
        said = "[ERROR] (lambent) a command cannot be started: fork/exec ./bootstrap: no such"
        for _ in range(2):
            before = emulator.said.count(said)
            emulator.invoke(1)
            assert emulator.said.count(said) > before


def test_a_command_that_is_there_is_not_warned_of(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo") as emulator:
        emulator.invoke(1)
        assert "no call could be run" not in emulator.said


def test_without_any_bootstrap_the_log_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with running_emulator(tmp_path, []) as emulator:
        assert emulator.said.count("Couldn't find valid bootstrap(s): [/var/task/bootstrap") == 1
        emulator.invoke(1)
        assert "[ERROR] (lambent) the function cannot be started: Couldn't find" in emulator.said


def test_an_extension_that_is_no_program_is_said_each_time(tmp_path: Path) -> None:
    layers = write_extension(tmp_path / "opt", "listener", LISTENER)
    (layers / "extensions/listener").chmod(0o644)
    with running_emulator(tmp_path, "function.echo", LAMBENT_LAYERS_ROOT=str(layers)) as emulator:
        said = f"[ERROR] (lambent) the extension {layers}/extensions/listener cannot be started"
        for _ in range(2):
            before = emulator.said.count(said)
            assert emulator.invoke(1).function_error
            assert emulator.said.count(said) > before


def test_that_calls_are_refused_is_said_once_for_many(tmp_path: Path) -> None:
    with (
        running_emulator(
            tmp_path,
            "function.sleeper",
            AWS_LAMBDA_FUNCTION_QUEUETIMEOUT="1",
            AWS_LAMBDA_FUNCTION_TIMEOUT="60",
        ) as emulator,
        ThreadPoolExecutor(4) as callers,
    ):
        at_work = callers.submit(emulator.invoke, {"seconds": 3})
        eventually(lambda: "asleep" in emulator.printed, "the first to be at work")
        assert {answer.status for answer in callers.map(emulator.invoke, [{}] * 3)} == {429}
        assert at_work.result().status == 200
        assert "[WARNING] (lambent) calls were refused" in emulator.wait_said("3 of them")
