"""Events that only AWS's services put: a caller's own say that they come from somewhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.events.responses import EventsHandler

from lambent.companion.seams import replace

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_EVENTS = 10  # in one call; moto refuses more
_REFUSED = {
    "ErrorCode": "NotAuthorizedForSourceException",
    "ErrorMessage": "Not authorized for the source.",
}


def install() -> None:
    """Refuse, one by one, what callers put in the name of a service.

    What is put on another bus by a rule has been an event already, and does not come this way.
    """
    put: Callable[..., Any] = EventsHandler.put_events

    def was_put(response: Any) -> Any:
        entries = response._get_param("Entries")
        if not _are_some_refused(entries):
            return put(response)
        taken = [each for each in entries if not is_of_services(each)]
        answers = iter(response.events_backend.put_events(taken))
        told = [_REFUSED if is_of_services(each) else next(answers) for each in entries]
        failed = sum("ErrorCode" in each for each in told)
        return json.dumps({"FailedEntryCount": failed, "Entries": told})

    replace(EventsHandler, "put_events", was_put)


def is_of_services(entry: Any) -> bool:
    """Whether its source is one that AWS keeps for its own."""
    return isinstance(entry, dict) and str(entry.get("Source", "")).startswith("aws.")


def _are_some_refused(entries: Any) -> bool:
    # One that is not well formed is for moto to refuse.
    is_call = isinstance(entries, list) and len(entries) <= _MOST_EVENTS
    return is_call and any(map(is_of_services, entries))
