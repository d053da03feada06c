"""Events on their way to functions: taken at once, or tried again behind the service's back.

A service's answer to its own caller waits for the first try only. So an object whose PutObject has
been answered has, as a rule, its event already in the server's queue, where it is durable.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambent.companion.server_link import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.companion.server_link import ServerLink, ServiceCall

    GiveUp = Callable[[Refused], None]

logger = logging.getLogger(__name__)

# Seconds before each further try; the server is on this host and back soon, or not at all.
_WAITS = (0.5, 1, 2, 4, 8, 16, 30, 60)
# Events of at most 1 MB each: what is more gives up at once.
_MOST_WAITING = 1000


@dataclass(slots=True, kw_only=True)
class _Waiting:
    call: ServiceCall
    give_up: GiveUp
    tries: int = 1


@dataclass(kw_only=True)
class Deliveries:
    """Hands events to the server; `run` has to go on in a thread, for those tried again."""

    server: ServerLink
    now: Callable[[], float] = time.monotonic
    _heap: list[tuple[float, int, _Waiting]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def send(self, call: ServiceCall, give_up: GiveUp) -> None:
        """Deliver `call`, or call `give_up` with the reason, now or later. Raises nothing."""
        self._try(_Waiting(call=call, give_up=give_up))

    def run(self) -> None:
        """Try again what is due, for ever."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._heap, timeout=None)
                wait = self._heap[0][0] - self.now()
                if wait > 0:
                    self._changed.wait(wait)
            self.retry_due()

    def retry_due(self) -> None:
        """Try again what is due by now."""
        with self._changed:
            due = []
            while self._heap and self._heap[0][0] <= self.now():
                due.append(heapq.heappop(self._heap)[2])
        for waiting in due:
            self._try(waiting)

    def _try(self, waiting: _Waiting) -> None:
        try:
            self.server.queue(waiting.call)
        except Refused as refused:
            if not (refused.may_pass and self._again_later(waiting)):
                _give_up(waiting, refused)

    def _again_later(self, waiting: _Waiting) -> bool:
        with self._changed:
            if waiting.tries > len(_WAITS) or len(self._heap) >= _MOST_WAITING:
                return False
            due = self.now() + _WAITS[waiting.tries - 1]
            waiting.tries += 1
            heapq.heappush(self._heap, (due, next(self._order), waiting))
            self._changed.notify()
        return True


def _give_up(waiting: _Waiting, refused: Refused) -> None:
    call = waiting.call
    logger.warning(
        "%s could not invoke %s for %s: %s",
        call.service,
        call.function_arn,
        call.source_arn,
        refused,
    )
    try:
        waiting.give_up(refused)
    except Exception:  # a dead-letter queue may be gone; the service's caller is not to blame
        logger.warning("and no dead-letter queue took the event", exc_info=True)
