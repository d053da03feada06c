"""Where the next page of an answer of CloudWatch's begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.domain.paging import key_of, marker_after

if TYPE_CHECKING:
    from collections.abc import Callable


def token_of(position: int, listing: str) -> str:
    """What continues `listing` at `position`, counted from 0."""
    return marker_after(str(position), listing)


def position_of(token: str | None, listing: str, invalid: Callable[[], ServiceError]) -> int:
    """The position in a token of `token_of`'s, 0 without one; raises `invalid()` for others."""
    if token is None:
        return 0
    try:
        return max(0, int(key_of(token, listing)))
    except (ServiceError, ValueError):
        raise invalid() from None
