"""What interpreters have said of themselves, kept between starts of the server.

Asking all of one machine took 0.8 s of each start (18 interpreters, 7 of them Java's).
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "interpreters.json"


def read_answers(directory: Path) -> dict[str, str]:
    """By `identity`; nothing when there is nothing to be read."""
    try:
        answers = json.loads((directory / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(answers, dict):
        return {}
    return {each: answer for each, answer in answers.items() if isinstance(answer, str)}


def write_answers(directory: Path, answers: Mapping[str, str]) -> None:
    """As a whole or not at all. Where nothing can be written, the next start asks again."""
    unfinished = directory / f"{FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        try:
            unfinished.write_text(json.dumps(answers, indent=1))
            unfinished.replace(directory / FILE)
        finally:
            unfinished.unlink(missing_ok=True)


def identity(family: str, path: Path) -> str:
    """Of the program at `path`: another one there, or a newer one, has another.

    Raises OSError when there is none.
    """
    found = path.stat()
    return f"{family} {path} {found.st_ino} {found.st_size} {found.st_mtime_ns}"
