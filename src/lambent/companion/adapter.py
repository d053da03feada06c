"""Makes the companion's services use Lambent's functions.

moto is a library of models that call each other directly, so what it calls is replaced here, once,
before the first request. Each seam is a module of its own; all of them end in `ServerLink`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lambent.companion import (
    functions_of_moto,
    other_accounts,
    s3_notifications,
    sns_subscriptions,
    traces,
)
from lambent.companion.delivery import Deliveries
from lambent.companion.events import rules, scheduler, sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.companion.server_link import ServerLink


def install(server: ServerLink, *, time_factor: float = 1.0) -> None:
    """Replace moto's own ways to functions, and start what runs beside its requests.

    Schedules pass `time_factor` times as fast as the clock.
    """
    traces.install()
    deliveries = Deliveries(server=server)
    functions_of_moto.install(server, deliveries)
    s3_notifications.install(server, deliveries)
    sns_subscriptions.install(deliveries)
    rules.install(server, deliveries)
    sources.install()
    other_accounts.install()
    targets = rules.Targets(server=server, deliveries=deliveries)
    _start("deliveries", deliveries.run)
    _start("schedules", lambda: scheduler.run(targets, time_factor))


def _start(name: str, run: Callable[[], None]) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()
