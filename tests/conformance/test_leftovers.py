"""What is left of a function when its process, or the emulator, has ended: nothing."""

from __future__ import annotations

from pathlib import Path

from tests.support.emulator import running_emulator
from tests.support.waiting import eventually


def has_ended(pid: int) -> bool:
    """Buried or not, which is for whoever is its parent by then."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_no_function_outlives_an_emulator_that_is_killed(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.sleeper") as emulator:
        pid = emulator.invoke({}).json
        emulator.kill()
        eventually(lambda: has_ended(pid), "the end of the function's process")


def test_what_a_function_left_behind_ends_with_its_process(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "daemon.handler") as emulator:
        daemon = emulator.invoke({"keeps_variables": True}).json
        assert not has_ended(daemon)
        assert emulator.invoke({"code": 1}).function_error
        eventually(lambda: has_ended(daemon), "the end of what it left behind")


def test_nothing_is_left_behind_when_the_emulator_ends(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "daemon.handler") as emulator:
        daemons = [emulator.invoke({"keeps_variables": keeps}).json for keeps in (True, False)]
        assert not any(map(has_ended, daemons))
        assert emulator.stop() == 0
        assert all(map(has_ended, daemons))
