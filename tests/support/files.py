"""What is in a directory, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def names_in(path: Path) -> list[str]:
    """Of what lies directly in it."""
    return sorted(found.name for found in path.iterdir())


def files_below(path: Path) -> list[str]:
    """Relative to it, at any depth, directories too."""
    return sorted(str(found.relative_to(path)) for found in path.rglob("*"))
