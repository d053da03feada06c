"""Requests that a web page has its reader's browser make: none is taken from a page elsewhere.

Nothing is authenticated, and whoever can open a connection may run code. A page can, on the machine
of whoever looks at it: with a plain form or `fetch` to this address, or under a name of its own that
it lets lead here ("DNS rebinding"). What browsers send with every request gives them away; SDKs
send none of it.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSAL = (
    "This looks like a request of a web page, and those are not taken. In a browser, use this "
    "endpoint by its IP address or as localhost."
)
# A page can change the value of the first, and leave none of them out.
_MARKS = frozenset({"accept-language", "origin", "sec-fetch-site"})
_OF_OTHER_PAGES = ("cross-site", "same-site")


def is_browser(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent it, for whichever page; whatever else does the same says so."""
    return not _MARKS.isdisjoint(headers)


def is_of_another_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent it for a page that is not ours, as far as its headers tell."""
    if not is_browser(headers):
        return False
    host = headers.get("host", "")
    origin = headers.get("origin")
    return (
        headers.get("sec-fetch-site") in _OF_OTHER_PAGES
        or (origin is not None and origin.partition("://")[2] != host)
        or not is_safe_host(host)
    )


@functools.lru_cache(maxsize=64)
def is_safe_host(host: str) -> bool:
    """Whether nobody else can have made this host lead here: an address, or a name without DNS."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
