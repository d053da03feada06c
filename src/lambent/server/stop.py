"""What SIGTERM and SIGINT do."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.server.listener import Listener
    from lambent.server.listening import Listening

logger = logging.getLogger(__name__)


class Events(Protocol):
    """Where invocations come from that nobody waits for at a connection."""

    def pause(self) -> None:
        """Take no more; told twice, it is all the same."""


class Invocations(Protocol):
    """What is at work."""

    async def drain(self) -> None:
        """Wait for its end, which `end_invocations` brings about."""

    def end_invocations(self) -> None: ...


class Stop:
    """What signals do: the first drains, the second ends invocations, the third hangs up.

    Used as a context, around everything that has to be put away: no signal kills the server
    while it is doing that.
    """

    def __init__(self, drain_seconds: int) -> None:
        self._drain_seconds = drain_seconds
        self._signals = 0
        self._timer: asyncio.TimerHandle | None = None
        self._listener: Listener | None = None
        self._events: Events | None = None
        self._invocations: Invocations | None = None

    def __enter__(self) -> Stop:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, self._come)
        return self

    def __exit__(self, *exception: object) -> None:
        self._cancel_timer()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)

    async def serve(
        self,
        listener: Listener,
        events: Events,
        invocations: Invocations,
        addresses: Sequence[Listening],
    ) -> None:
        """Serve until a signal comes, or not at all when one came before."""
        self._listener, self._events, self._invocations = listener, events, invocations
        if self._signals:
            listener.stop()
        await listener.serve(*addresses)
        events.pause()  # or they would be at work for ever
        await invocations.drain()
        self._cancel_timer()

    def _come(self) -> None:
        self._signals += 1
        if self._signals == 1:
            if self._events is not None:
                self._events.pause()  # what waits, waits for the next server
            logger.info("stopping: waiting for invocations at work (a second signal ends them)")
            why = f"{self._drain_seconds} seconds are over"
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._drain_seconds, self._end_invocations, why)
        elif self._signals == 2:
            self._end_invocations("a second signal came")
        if self._listener is not None:
            self._listener.stop()
            if self._signals > 2:
                self._listener.abandon()

    def _end_invocations(self, why: str) -> None:
        if self._invocations is not None:
            logger.warning("ending the invocations at work: %s", why)
            self._invocations.end_invocations()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
