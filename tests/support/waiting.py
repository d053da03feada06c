"""Waiting for what happens in its own time: on a condition, with a deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.functions import Deployed

_T = TypeVar("_T")

_PAUSE_SECONDS = 0.05


def eventually(find: Callable[[], _T], what: object, seconds: float = 30) -> _T:
    """The first true thing `find` gives; fails after so many seconds, naming `what` was awaited.

    `what` may be a callable that says how things stand.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(_PAUSE_SECONDS)


def wait_logged(deployed: Deployed, text: str, group: str | None = None) -> list[str]:
    """Wait until a log event of the function contains `text`; all its messages so far."""
    logs = deployed.server.client("logs")
    group = group or f"/aws/lambda/{deployed.name}"

    def messages() -> list[str]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        try:
            found = [str(event["message"]) for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return found if any(text in message for message in found) else []

    return eventually(messages, f"{text!r} in {group}")
