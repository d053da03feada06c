"""Keeps the log store from growing for ever: expired events, and those of deleted groups."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from lambent.store.logs import LogStore

_log = logging.getLogger(__name__)

# AWS takes up to 72 hours to remove what has expired.
_EXPIRY_SECONDS = 3600.0


async def run_retention(logs: LogStore) -> None:
    """Purges soon after each deletion, expires hourly; ends only by cancellation."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXPIRY_SECONDS):
                await logs.wait_deleted()
        try:
            await logs.purge()
            await logs.expire(now_ms())
        except SQLAlchemyError:
            # Boundary of a background task: what is left waits in the database for the next round.
            _log.exception("expired and deleted log events could not be removed")
