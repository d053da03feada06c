from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from lambent.invocation.asynchronous import expiry
from lambent.invocation.asynchronous.expiry import expire_failed

NOW_MS = 1_700_000_000_000


class Store:
    """Fails the first time."""

    def __init__(self):
        self.asked = []
        self.is_done = asyncio.Event()

    async def expire(self, before_ms):
        self.asked.append(before_ms)
        if len(self.asked) == 1:
            raise OSError("disk is full")
        self.is_done.set()
        return 3


@pytest.fixture(autouse=True)
def hours_pass(monkeypatch):
    monkeypatch.setattr(expiry, "_EXPIRY_SECONDS", 0.001)


async def test_what_failed_two_weeks_ago_is_forgotten_even_after_an_error(caplog):
    store: Any = Store()
    task = asyncio.create_task(expire_failed(store, "events", lambda: NOW_MS))
    await store.is_done.wait()
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert set(store.asked) == {NOW_MS - 14 * 24 * 3600 * 1000}
    assert "old failed events cannot be removed: disk is full" in caplog.text
    assert "3 events that failed two weeks ago are forgotten" in caplog.text
