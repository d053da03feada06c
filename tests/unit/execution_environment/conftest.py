from __future__ import annotations

import asyncio

import pytest
from tests.unit.execution_environment.fakes import Clock, FakeLogStream, make_fakes


@pytest.fixture
async def log():
    return FakeLogStream({})


@pytest.fixture
async def clock(monkeypatch):
    """The event loop's clock, which the test may move."""
    loop = asyncio.get_running_loop()
    moved = Clock(loop)
    monkeypatch.setattr(loop, "time", moved.time)
    return moved


@pytest.fixture
async def fakes(tmp_path):
    """What environments are made from; afterwards, nothing may be held any more."""
    made = make_fakes(tmp_path)
    yield made
    assert made.isolation.held == set()
