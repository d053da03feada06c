from __future__ import annotations

import time

import pytest

from lambent.domain.caller import Caller
from lambent.store.database import Database
from lambent.store.logs import LogStore
from lambent.telemetry.logs_api import OPERATIONS


class LogsClient:
    """Calls the operations as one caller, with members as keyword arguments."""

    def __init__(self, logs, account_id="000000000000", region="us-east-1"):
        self.logs = logs
        self.caller = Caller(account_id=account_id, region=region, request_id="r")

    async def __call__(self, operation, /, **request):
        return await OPERATIONS[operation](self.logs, self.caller, request)

    async def put(self, group, stream, *messages, now=None):
        """Messages a millisecond apart, the last one now."""
        now = now or int(time.time() * 1000)
        first = now - len(messages) + 1
        events = [
            {"timestamp": first + index, "message": message}
            for index, message in enumerate(messages)
        ]
        return await self(
            "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=events
        )

    async def make(self, group, *streams):
        await self("CreateLogGroup", logGroupName=group)
        for stream in streams:
            await self("CreateLogStream", logGroupName=group, logStreamName=stream)


@pytest.fixture
async def database(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as opened:
        yield opened


@pytest.fixture
def logs(database):
    return LogStore(database)


@pytest.fixture
def client(logs):
    return LogsClient(logs)


@pytest.fixture
def client_of(logs):
    """Makes a client of another account or region."""
    return lambda **caller: LogsClient(logs, **caller)
