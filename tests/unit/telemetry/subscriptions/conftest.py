from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from lambent.domain.caller import Caller
from lambent.domain.log_subscription import LogSubscription, subscription_id
from lambent.store.log_records import StreamBatch
from lambent.store.records import AccountRecords
from lambent.telemetry.clock import now_ms
from lambent.telemetry.subscriptions.delivery import LogSubscriptions
from lambent.telemetry.subscriptions.operations import OPERATIONS

ACCOUNT = "123456789012"
REGION = "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:subscriber"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events"


def subscription(**changes):
    values: dict[str, Any] = {
        "account_id": ACCOUNT,
        "region": REGION,
        "revision_id": "1",
        "group_id": 1,
        "group": "g",
        "filter_name": "f",
        "pattern": "",
        "destination_arn": FUNCTION,
        "role_arn": None,
        "distribution": "ByLogStream",
        "created_ms": 1,
        "done_event_id": 0,
    } | changes
    identifier = subscription_id(values["group_id"], values["filter_name"])
    return LogSubscription(id=identifier, **values)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # it may be anything
            await asyncio.sleep(0.001)


def read(data):
    return json.loads(gzip.decompress(data))


class RecordedDestinations:
    """Takes every message, unless there is a failure left to raise."""

    def __init__(self):
        self.sent: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.checked = []
        self.failures = []
        self.refusal = None

    def most_bytes(self, _):
        return 1024 * 1024

    async def check(self, subscribed):
        self.checked.append(subscribed)
        if self.refusal is not None:
            raise self.refusal

    def traces_of(self, subscribed, events):
        return {event.position.event_id: "trace" for event in events}

    async def send(self, subscribed, message, traces):
        assert all(event.position.event_id in traces for event in message.events)
        if self.failures:
            raise self.failures.pop(0)
        self.sent.put_nowait((subscribed.destination_arn, read(message.data)))

    async def next_messages(self):
        """What the next message sent says."""
        async with asyncio.timeout(10):
            _, document = await self.sent.get()
        return [event["message"] for event in document["logEvents"]]


class Slept:
    """Sleeps no time, and knows how long."""

    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def destinations():
    return RecordedDestinations()


@pytest.fixture
def slept():
    return Slept()


@pytest.fixture
async def records(database):
    return await AccountRecords.open(database, LogSubscription)


@pytest.fixture
def subscriptions(logs, records, destinations, slept):
    return LogSubscriptions(logs, records, destinations, slept)


@pytest.fixture
def client(subscriptions):
    async def call(operation, /, account_id=ACCOUNT, **request):
        caller = Caller(account_id=account_id, region=REGION, request_id="r")
        return await OPERATIONS[operation](subscriptions, caller, request)

    return call


@pytest.fixture
def append(logs):
    """Appends messages to a stream of a group, which are made, and answers the group's number."""

    async def append(*messages, group="g", stream="s", at_ms=None):
        batch = StreamBatch(
            account_id=ACCOUNT,
            region=REGION,
            group=group,
            stream=stream,
            events=[(1000 + number, message) for number, message in enumerate(messages)],
        )
        await logs.append([batch], now_ms=at_ms or now_ms())
        return (await logs.group(ACCOUNT, REGION, group)).id

    return append
