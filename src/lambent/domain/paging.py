"""Pages of a sorted list, for every List operation that takes Marker and MaxItems.

A marker says after which item the next page starts, so that items which come and go between two
calls neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from lambent.domain.errors import invalid_parameter_value
from lambent.domain.quotas import LISTED_ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item = TypeVar("Item")
Position = TypeVar("Position")

_CHECK_BYTES = 8


def marker_after(key: str, listing: str) -> str:
    """The marker that continues `listing` after the item named `key`.

    It carries a checksum over both, so that a marker that was cut, changed or taken from another
    listing is refused instead of answered with the wrong page. It needs no secret: whoever may list
    may start anywhere.
    """
    return base64.urlsafe_b64encode(_check(key, listing) + key.encode()).decode()


def key_of(marker: str, listing: str) -> str:
    """The key in `marker`. Raises ServiceError unless `marker_after` made it for `listing`."""
    try:
        decoded = base64.b64decode(marker, altchars=b"-_", validate=True)
        key = decoded[_CHECK_BYTES:].decode()
    except (binascii.Error, ValueError):
        raise invalid_parameter_value(f"Invalid Marker: {marker}") from None
    if decoded[:_CHECK_BYTES] != _check(key, listing):
        raise invalid_parameter_value(f"Invalid Marker: {marker}")
    return key


def position_of(marker: str, listing: str, position: Callable[[str], Position]) -> Position:
    """Where the key in `marker` stands, as `position` has it, in a list that is not sorted by keys.

    Raises ServiceError as `key_of` does, and when `position` raises ValueError: anybody can make a
    marker with any key.
    """
    key = key_of(marker, listing)
    try:
        return position(key)
    except ValueError:
        raise invalid_parameter_value(f"Invalid Marker: {marker}") from None


def page_of(
    items: Iterable[Item],
    key: Callable[[Item], str],
    listing: str,
    maximum: int | None,
    limit: int = LISTED_ITEMS,
) -> tuple[list[Item], str | None]:
    """The first page of `items`, at most `maximum` and never over AWS's `limit`, and the next marker.

    `items` already start after the request's marker. The second value is None on the last page.
    """
    size = min(maximum or limit, limit)
    page = list(islice(items, size + 1))
    if len(page) <= size:
        return page, None
    return page[:size], marker_after(key(page[size - 1]), listing)


def _check(key: str, listing: str) -> bytes:
    return hashlib.blake2b(f"{listing}\n{key}".encode(), digest_size=_CHECK_BYTES).digest()
