"""One extension: its state, and the event it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast, get_args
from uuid import uuid4

from lambent.execution_environment.lifecycle import (
    ExtensionEvent,
    ExtensionState,
    next_extension_state,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.protocol.http_connection import Connection

EventType = Literal["INVOKE", "SHUTDOWN"]
_MAX_ERROR_TYPE_CHARACTERS = 256  # it stands in log lines
EVENT_TYPES: tuple[str, ...] = get_args(EventType)


class Extension:
    """What the platform knows of one extension in one life of its environment."""

    def __init__(self, name: str, *, is_external: bool) -> None:
        self.name = name
        self.id = str(uuid4())
        self.is_external = is_external
        self.state = ExtensionState.STARTED
        self.events: frozenset[EventType] = frozenset()
        self.error_type: str | None = None  # as it said itself, or why it could not be started
        self._polling: Connection | None = None  # the `next` that waits
        self._undelivered: bytes | None = None  # an event nobody polls for yet

    @property
    def is_waiting(self) -> bool:
        """It has asked for its next event, and there is none for it."""
        return self.state is ExtensionState.READY and self._undelivered is None

    def register(self, events: Iterable[str]) -> None:
        """It asked for these events, which must be ones there are; raises TransitionNotAllowed."""
        self._change(ExtensionEvent.REGISTER, self.name)
        self.events = frozenset(cast("Iterable[EventType]", events))

    def poll(self, connection: Connection) -> bool:
        """It asks for its next event; False: it lost the connection it had asked on before.

        Raises TransitionNotAllowed.
        """
        is_repeated = self.state is ExtensionState.READY and (
            self._polling is None or not self._polling.is_open
        )
        if not is_repeated:
            self._change(ExtensionEvent.NEXT, self.id)
        self._polling = connection
        self._deliver()
        return not is_repeated

    def send(self, event: bytes) -> None:
        """Give it an event, now or as soon as it asks for one."""
        self._undelivered = event
        self._deliver()

    def fail(self, event: ExtensionEvent, error_type: str) -> None:
        """It reported an error, or was found to have one; raises TransitionNotAllowed."""
        self._change(event, self.id)
        if self.error_type is None:
            self.error_type = error_type[:_MAX_ERROR_TYPE_CHARACTERS]

    def lose(self, connection: Connection) -> None:
        """A connection is gone."""
        if self._polling is connection:
            self._polling = None

    def _deliver(self) -> None:
        connection, event = self._polling, self._undelivered
        if event is None or self.state is not ExtensionState.READY:
            return
        if connection is None or not connection.is_open:
            return
        self._polling = self._undelivered = None
        self._change(ExtensionEvent.EVENT, self.id)
        connection.respond(200, event, _event_head())

    def _change(self, event: ExtensionEvent, who: str) -> None:
        self.state = next_extension_state(self.state, event, who)


def _event_head() -> str:
    return f"Content-Type: application/json\r\nLambda-Extension-Event-Identifier: {uuid4()}\r\n"
