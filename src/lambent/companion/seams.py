"""How moto's own code is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def replace(owner: object, name: str, replacement: Callable[..., Any] | property) -> None:
    """Put `replacement` in the place of a module's or class's function, or property.

    Raises AttributeError where there is none: in another release of moto it may be elsewhere, and
    the companion must not start as if it were adapted.
    """
    getattr(owner, name)
    setattr(owner, name, replacement)
