"""Events that failed and had nowhere to go are kept for two weeks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.store.asynchronous_events import EventStore

logger = logging.getLogger(__name__)

_KEPT_MS = 14 * 24 * 60 * 60 * 1000  # as long as SQS keeps messages at most
_EXPIRY_SECONDS = 60 * 60


async def expire_failed(store: EventStore, now_ms: Callable[[], int]) -> None:
    """Forget them, until cancelled. `now_ms` is the time in milliseconds since 1970."""
    while True:
        try:
            count = await store.expire(now_ms() - _KEPT_MS)
            if count:
                logger.warning("%d events that failed two weeks ago are forgotten", count)
        except Exception as error:  # noqa: BLE001 (a boundary: there is a next time)
            logger.warning("old failed events cannot be removed: %s", error)
        await asyncio.sleep(_EXPIRY_SECONDS)
