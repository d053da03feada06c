"""Gates that functions wait at until a test opens them: it sees what they were told to do first.

A function that is at a gate has made the file `<name>.waiting` in its /tmp and looks for
`<name>.open` there. Every sandbox has a /tmp of its own, so one is found by what is in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable


def wait_reached(name: str) -> None:
    """Wait until a function waits at a gate."""
    waiting = f"{name}.waiting"
    eventually(
        lambda: any(waiting in _entries(directory) for directory in _directories()),
        f"somebody waits at {name}",
    )


def open_gate(name: str) -> None:
    """Let the function that waits at a gate, or soon will, go on."""
    open_gates([name])


def open_gates(names: Iterable[str]) -> None:
    """The same, of as many functions."""
    closed = set(names)

    def are_open() -> bool:
        for directory in _directories():
            for waiting in _entries(directory):
                name = waiting.removesuffix(".waiting")
                if name in closed and name != waiting:
                    (directory / f"{name}.open").touch()
                    closed.remove(name)
        return not closed

    eventually(are_open, lambda: f"somebody waits at {len(closed)} gates: {sorted(closed)[:5]}")


def read_note(name: str) -> str | None:
    """What a function has written to a file of its /tmp; None when there is none."""
    for directory in _directories():
        if name in _entries(directory):
            return (directory / name).read_text() or None  # None while it is being written
    return None


def _directories() -> Iterable[Path]:
    """The /tmp of each process, where somebody may look."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            yield process / "root/tmp"


def _entries(directory: Path) -> list[str]:
    try:
        return [entry.name for entry in directory.iterdir()]
    except OSError:  # it has ended, or is somebody else's
        return []
