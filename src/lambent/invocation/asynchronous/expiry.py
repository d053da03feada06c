"""What failed and had nowhere to go is kept for two weeks: events, and what was to be sent of others."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_KEPT_MS = 14 * 24 * 60 * 60 * 1000  # as long as SQS keeps messages at most
_EXPIRY_SECONDS = 60 * 60


class FailedStore(Protocol):
    async def expire(self, before_ms: int) -> int:
        """Forget what failed before that (since 1970); how many these were."""


async def expire_failed(store: FailedStore, what: str, now_ms: Callable[[], int]) -> None:
    """Forget them, until cancelled; `what` they are, as the log says it."""
    while True:
        try:
            count = await store.expire(now_ms() - _KEPT_MS)
            if count:
                logger.warning("%d %s that failed two weeks ago are forgotten", count, what)
        except Exception as error:  # noqa: BLE001 (a boundary: there is a next time)
            logger.warning("old failed %s cannot be removed: %s", what, error)
        await asyncio.sleep(_EXPIRY_SECONDS)
