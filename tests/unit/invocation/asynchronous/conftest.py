"""An event queue on a real database, with a clock and functions the test has in hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support.versions import function_version

from lambent.domain.asynchronous_event import AsynchronousEvent
from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult
from lambent.domain.reserved_concurrency import ReservedConcurrency
from lambent.invocation.asynchronous.deliveries import Deliveries
from lambent.invocation.asynchronous.event_queue import EventQueue, open_event_queue
from lambent.invocation.asynchronous.fate import Fates
from lambent.invocation.asynchronous.queue_clock import QueueClock
from lambent.invocation.asynchronous.settlement import Settlement
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.run import Runs
from lambent.store.asynchronous_events import EventStore
from lambent.store.database import Database
from lambent.store.deliveries import DeliveryStore
from lambent.telemetry.metrics.recorder import Metrics

ACCOUNT, REGION = "123456789012", "us-east-1"
FAILED = InvocationResult(payload=b'{"errorType":"X"}', is_function_error=True)
NOTHING = InvocationResult(payload=b"null")
START_MS = 1_700_000_000_000


class Records:
    """Small records of functions, as `FunctionRecords` answers them."""

    def __init__(self):
        self.records = {}
        self.tell = []

    def put(self, name, record, qualifier=""):
        self.records[ACCOUNT, REGION, name, qualifier] = record
        for tell in self.tell:
            tell(ACCOUNT, REGION, name)

    def get(self, account_id, region, name, qualifier=""):
        return self.records.get((account_id, region, name, qualifier))

    def everything(self):
        return []

    def on_change(self, tell):
        self.tell.append(tell)


class Functions:
    """Every name but `gone` is a function; settings of a version can be set by name."""

    def __init__(self):
        self.settings = {}

    def version(self, account_id, region, name, version="$LATEST"):
        if name == "gone":
            return None
        return function_version(
            account_id=account_id,
            region=region,
            name=name,
            version=version,
            **self.settings.get(name, {}),
        )

    def on_delete(self, forget):
        pass


@dataclass
class Pool:
    """Runs what the test says, each invocation until it is let go of."""

    results: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    calls: list[Any] = field(default_factory=list)
    at_work: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_at_work: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    has_called: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Any = None  # by the function's name; None: as `results` says

    def has_provisioned(self, version):
        return False

    def provisioned(self, version):
        return 0

    async def invoke(self, version, invocation, *, wants_log_tail=False, on_begin=None):
        if on_begin is not None:
            on_begin()
        name = version.name
        self.calls.append((name, invocation))
        self.at_work[name] += 1
        self.most_at_work[name] = max(self.most_at_work[name], self.at_work[name])
        self.has_called.set()
        try:
            if name in self.gates:
                await self.gates[name].wait()
            result = self._result(name)
        finally:
            self.at_work[name] -= 1
        if isinstance(result, Exception):
            raise result
        return result

    def _result(self, name):
        result = self.answer(name) if self.answer else None
        if result is None and self.results[name]:
            result = self.results[name].pop(0)
        return NOTHING if result is None else result

    async def called(self, count):
        """Wait until that many invocations were begun."""
        while len(self.calls) < count:
            self.has_called.clear()
            await self.has_called.wait()


class Bench:
    """A queue, and all that it works with."""

    def __init__(self, database, places):
        self.database = database
        self.now_ms = START_MS
        self.functions: Any = Functions()
        self.pool: Any = Pool()
        self.configs: Any = Records()
        self.reserved: Any = Records()
        self.recursion: Any = Records()
        self.metrics = Metrics()
        self.runs = self.runs_with(places)
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.all_sent: list[Any] = []

    def runs_with(self, places):
        aliases: Any = Records()
        nobody: Any = None  # reads a response while it comes
        return Runs(
            functions=self.functions,
            aliases=aliases,
            pool=self.pool,
            concurrency=Concurrency(places, self.functions, self.reserved),
            metrics=self.metrics,
            streams=nobody,
        )

    @contextlib.asynccontextmanager
    async def open(self):
        """The queue at work, with what is delivered kept in `sent`."""
        self.store = await EventStore.open(self.database)
        clock = QueueClock(now_ms=lambda: self.now_ms)
        fates = Fates(
            event_invoke_configs=self.configs,
            reserved_concurrency=self.reserved,
            recursion_configs=self.recursion,
            clock=clock,
        )
        self.deliveries = DeliveryStore(self.database)
        deliveries = Deliveries(
            self.deliveries, lambda metric, delivery: None, clock=lambda: self.now_ms
        )
        settlement = Settlement(self.store, fates, deliveries, self.metrics)
        queue = EventQueue(self.store, self.runs, fates, settlement)
        self.reserved.on_change(queue.proceed)

        async def send(deliveries):
            for delivery in deliveries:
                self.sent.put_nowait(delivery)
                self.all_sent.append(delivery)
            return [None] * len(deliveries)

        async with open_event_queue(queue, settlement) as self.queue, asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(deliveries.run(send))
            try:
                yield self.queue
            finally:
                sending.cancel()

    async def accept(self, name="echo", **members):
        await self.queue.accept(self.event(name, **members))

    def event(self, name="echo", **members):
        settings = {
            "account_id": ACCOUNT,
            "region": REGION,
            "name": name,
            "qualifier": None,
            "request_id": "r",
            "payload": b"{}",
            "trace_header": "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:0a1b2c3d:0",
            "accepted_ms": self.now_ms,
        }
        return AsynchronousEvent(**(settings | members))

    async def wait(self, seconds, *names):
        """That much time passes for the functions."""
        self.now_ms += round(seconds * 1000)
        for name in names or ("echo",):
            self.queue.proceed(ACCOUNT, REGION, name)

    async def counts(self):
        return {(key[2], state): n for (key, state), n in (await self.store.counts()).items()}

    async def settled(self, expected):
        """Wait until the database has these counts by function and state."""
        while True:
            if await self.counts() == expected:
                return
            await asyncio.sleep(0)

    def reserve(self, name, executions):
        record = ReservedConcurrency(
            account_id=ACCOUNT, region=REGION, name=name, revision_id="r", executions=executions
        )
        self.reserved.put(name, record)

    def measured(self, metric):
        """The sum of a metric of all functions."""
        return sum(
            minute.aggregate.total
            for minute in self.metrics.now(0)
            if minute.metric == metric and minute.series.name
        )


@pytest.fixture
async def database(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as opened:
        yield opened


@pytest.fixture
def bench(database):
    return Bench(database, places=1000)


@pytest.fixture
async def queue(bench):
    async with bench.open() as opened:
        yield opened


def throttled():
    return ServiceError("TooManyRequestsException", "Rate Exceeded.")
