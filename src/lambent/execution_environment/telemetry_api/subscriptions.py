"""The Telemetry API of one life of an environment, and the Logs API that it superseded.

Extensions subscribe while the environment initialises; a new subscriber is told everything since
the start of that. https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from lambent.domain.quotas import EXTENSIONS
from lambent.execution_environment.telemetry_api.delivery import TelemetryDelivery, encoded
from lambent.execution_environment.telemetry_api.subscription import (
    InvalidSubscription,
    Subscription,
    parse_subscription,
)
from lambent.telemetry.clock import now_ms
from lambent.telemetry.extension_events import LogsSubscription, TelemetrySubscription

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from lambent.execution_environment.telemetry_api.subscription import Api
    from lambent.telemetry.extension_events import LogsDropped
    from lambent.telemetry.platform_events import PlatformEvent

TELEMETRY_PATH = "/2022-07-01/telemetry"
LOGS_PATH = "/2020-08-15/logs"

Kind = Literal["function", "extension"]
_KINDS: tuple[Kind, ...] = get_args(Kind)

# In one life. Each is told the whole backlog, and may stay for a while when another replaces it.
_MAX_SUBSCRIPTIONS = 2 * EXTENSIONS
# What is kept for those who have not subscribed yet.
_BACKLOG_BYTES = 1024 * 1024
_BACKLOG_EVENTS = 10_000
_EVENT_BYTES = 512  # about what a platform event takes; lines are measured


class Log(Protocol):
    """The log of the environment, which hears of subscriptions, too."""

    def platform(self, event: PlatformEvent, at_ms: int | None = None) -> None: ...

    def record(self, event: PlatformEvent, at_ms: int) -> None:
        """For the log only and no subscriber."""


class Backlog:
    """What was said since the start of init. Where it is full, what comes later is lost."""

    def __init__(self) -> None:
        self._offers: list[Callable[[TelemetryDelivery], None]] = []
        self._bytes = 0
        self._lost_lines = 0
        self._lost_bytes = 0

    def add(self, offer: Callable[[TelemetryDelivery], None], size: int) -> None:
        """`offer` says it to a subscriber; `size` is about what it takes in memory."""
        if self._bytes + size > _BACKLOG_BYTES or len(self._offers) >= _BACKLOG_EVENTS:
            self._lost_lines += 1
            self._lost_bytes += size
            return
        self._offers.append(offer)
        self._bytes += size

    def replay(self, delivery: TelemetryDelivery) -> None:
        for offer in self._offers:
            offer(delivery)
        if self._lost_lines:
            delivery.note_dropped(self._lost_lines, self._lost_bytes)


class TelemetrySubscriptions:
    """The subscriptions of one life of a runtime and its extensions.

    Made at the start of its init for every environment, as it costs next to nothing without
    subscribers: `log.subscriptions = TelemetrySubscriptions(slot.open_socket, log)`. `run` is
    owned by one task and returns by itself when nobody has subscribed and nobody can any more.
    """

    def __init__(self, open_socket: Callable[[], socket.socket], log: Log) -> None:
        """`open_socket` gives a TCP socket in the environment's network, and may block."""
        self._open_socket = open_socket
        self._log = log
        self._backlog: Backlog | None = Backlog()  # None: nobody can subscribe any more
        self._deliveries: dict[str, TelemetryDelivery] = {}  # by the extension's name
        self._audiences: dict[Kind, tuple[TelemetryDelivery, ...]] = dict.fromkeys(_KINDS, ())
        self._subscribed = 0  # how often
        self._starting: asyncio.Queue[TelemetryDelivery | None] = asyncio.Queue()

    def subscribe(self, agent_name: str, path: str, body: bytes) -> tuple[int, bytes]:
        """PUT to TELEMETRY_PATH or LOGS_PATH by a known extension: the status and the JSON body.

        An extension that subscribes again replaces its subscription.
        """
        api: Api = "Logs" if path == LOGS_PATH else "Telemetry"
        if self._backlog is None:
            message = f"{api} API subscription is closed already"
            return 403, _error(f"{api}.SubscriptionClosed", message)
        try:
            subscription = parse_subscription(agent_name, api, body)
            self._check_api(subscription)
        except InvalidSubscription as error:
            return 400, _error("ValidationError", str(error))
        self._add(subscription, self._backlog)
        return 200, b'"OK"'

    def end_subscribing(self) -> None:
        """Init is over, well or not: from here on `subscribe` answers 403."""
        if self._backlog is not None:
            self._backlog = None
            self._starting.put_nowait(None)

    def publish_platform(self, event: PlatformEvent, at_ms: int) -> None:
        """Say it to whom it may concern; for EnvironmentLog."""
        if self._backlog is not None:
            self._backlog.add(lambda delivery: delivery.offer_platform(event, at_ms), _EVENT_BYTES)
        for delivery in self._deliveries.values():
            delivery.offer_platform(event, at_ms)

    def publish_line(self, kind: Kind, record: str | dict[str, object], at_ms: int) -> None:
        """The same for a line of the function's or an extension's: text or a JSON object."""
        if self._backlog is not None:
            # An object takes far more memory than the line it was.
            kept = record if isinstance(record, str) else encoded(kind, record, at_ms)
            size = _EVENT_BYTES + len(kept)
            self._backlog.add(lambda delivery: delivery.offer_line(kind, kept, at_ms), size)
        audience = self._audiences[kind]
        if audience:
            line = encoded(kind, record, at_ms)  # once: a function may print very many
            for delivery in audience:
                delivery.add(line)

    def pause(self) -> None:
        """The environment is frozen: nothing is sent, and no subscriber's time runs out."""
        for delivery in self._deliveries.values():
            delivery.pause()

    def resume(self) -> None:
        """It is thawed."""
        for delivery in self._deliveries.values():
            delivery.resume()

    async def flush(self, seconds: float) -> None:
        """Send what is buffered, and from now on everything at once; return after `seconds`.

        For the shutdown phase. Returns earlier when every subscriber has everything.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(each.flush() for each in self._deliveries.values()))

    async def run(self) -> None:
        """Deliver, until cancelled; returns by itself once there can be no subscriber."""
        async with asyncio.TaskGroup() as deliveries:
            while (delivery := await self._starting.get()) is not None:
                name = f"telemetry for {delivery.subscription.agent_name}"
                deliveries.create_task(delivery.run(), name=name)

    def _check_api(self, subscription: Subscription) -> None:
        earlier = self._deliveries.get(subscription.agent_name)
        if earlier is not None and earlier.subscription.api != subscription.api:
            raise InvalidSubscription(
                f"extension has already subscribed using the {earlier.subscription.api} API"
            )
        if self._subscribed >= _MAX_SUBSCRIPTIONS:
            raise InvalidSubscription(
                f"there should be at most {_MAX_SUBSCRIPTIONS} subscriptions in one life of an "
                "execution environment"
            )

    def _add(self, subscription: Subscription, backlog: Backlog) -> None:
        name = subscription.agent_name
        if name in self._deliveries:
            self._deliveries[name].stop()
        delivery = TelemetryDelivery(subscription, self._open_socket, self._note_dropped)
        backlog.replay(delivery)
        self._deliveries[name] = delivery
        self._subscribed += 1
        for kind in _KINDS:
            self._audiences[kind] = tuple(
                each for each in self._deliveries.values() if kind in each.subscription.types
            )
        self._starting.put_nowait(delivery)
        event = TelemetrySubscription if subscription.api == "Telemetry" else LogsSubscription
        self._log.platform(event(name=name, types=subscription.types))

    def _note_dropped(self, event: LogsDropped) -> None:
        # Not `platform`: the other subscribers have lost nothing.
        self._log.record(event, now_ms())


def _error(error_type: str, message: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": error_type}).encode() + b"\n"
