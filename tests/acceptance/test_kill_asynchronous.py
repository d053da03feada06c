"""A server killed again and again while thousands of events are accepted, run, retried, delivered.

Every event whose acceptance was answered has one outcome in the end, and a record of it came at
least once. Of the few that were on their way when the server was killed, nobody knows.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import itertools
import json
import os
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.neighbours import running_neighbours
from tests.support.queues import Queue, create_queue
from tests.support.server import RunningServer, running_server
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# 10,000 take two minutes; these say nearly as much.
EVENTS = int(os.environ.get("LAMBENT_TEST_EVENTS", "1500"))
KILLS_WHILE_ACCEPTING = 5
KILLS_WHILE_DELIVERING = 3
CALLERS = 8
ON_THEIR_WAY = 2 * 8  # to the two queues

CODE = """\
def handler(event, context):
    if event["fails"]:
        raise ValueError(event["number"])
    return event["number"]
"""
# How often each is called, and with how much concurrency of its own.
FUNCTIONS = {"mixed": (5, 4), "letters": (2, 2), "narrow": (2, 1), "closed": (1, 0)}
Outcome = tuple[str, str, str]  # request ID, condition, time


def function_of(number: int) -> str:
    names = [name for name, (weight, _) in FUNCTIONS.items() for _ in range(weight)]
    return names[number % len(names)]


def fails(number: int) -> bool:
    return function_of(number) == "letters" or number % 3 == 0


def expected_condition(number: int) -> str:
    name = function_of(number)
    if name == "closed":
        return "ZeroReservedConcurrency"
    if name == "letters":
        return "dead letter"
    return "RetriesExhausted" if fails(number) else "Success"


@dataclass
class Load:
    """Callers that send events, and remember what they were answered."""

    numbers: Iterator[int] = field(default_factory=itertools.count)
    accepted: dict[int, str] = field(default_factory=dict)  # the event's request ID
    unanswered: set[int] = field(default_factory=set)

    def send_until(self, server: RunningServer, count: int) -> None:
        """One caller: until so many of all events are accepted, or the server is gone."""
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        with contextlib.closing(connection):
            while len(self.accepted) < count:
                number = next(self.numbers)
                self.unanswered.add(number)
                try:
                    self._send(connection, number)
                except (OSError, http.client.HTTPException):
                    return
                self.unanswered.remove(number)

    def _send(self, connection: http.client.HTTPConnection, number: int) -> None:
        connection.request(
            "POST",
            f"/2015-03-31/functions/{function_of(number)}/invocations",
            json.dumps({"number": number, "fails": fails(number)}),
            {"X-Amz-Invocation-Type": "Event"},
        )
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 202, said
        self.accepted[number] = answer.headers["x-amzn-RequestId"]


@dataclass
class Sink:
    """What arrived in the two queues."""

    records: Queue
    letters: Queue
    outcomes: dict[int, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    is_over: threading.Event = field(default_factory=threading.Event)

    def drain(self, queue: Queue) -> None:
        while not self.is_over.is_set():
            for message in queue.drain(wait_seconds=1):
                number, outcome = _outcome(message)
                self.outcomes[number][outcome] += 1


def _outcome(message: dict[str, Any]) -> tuple[int, Outcome]:
    body = json.loads(message["Body"])
    if "requestContext" not in body:
        request_id = message["MessageAttributes"]["RequestID"]["StringValue"]
        return body["number"], (request_id, "dead letter", "")
    context = body["requestContext"]
    outcome = (context["requestId"], context["condition"], body["timestamp"])
    return body["requestPayload"]["number"], outcome


@contextlib.contextmanager
def _sink() -> Iterator[tuple[str, Sink]]:
    with running_neighbours("ministack") as neighbours, ThreadPoolExecutor(2) as drains:
        sink = Sink(create_queue(neighbours, "records"), create_queue(neighbours, "letters"))
        draining = [drains.submit(sink.drain, queue) for queue in (sink.records, sink.letters)]
        try:
            yield neighbours.url, sink
        finally:
            sink.is_over.set()
        for each in draining:
            each.result()


def _create_functions(server: RunningServer, sink: Sink) -> None:
    client = server.client()
    for name, (_, concurrency) in FUNCTIONS.items():
        settings: dict[str, Any] = {"FunctionName": name, **WHOLE_CPU}
        record = {"Destination": sink.records.arn}
        destinations = {"OnSuccess": record, "OnFailure": record}
        if name == "letters":
            settings["DeadLetterConfig"] = {"TargetArn": sink.letters.arn}
            destinations = {}
        deploy(server, CODE, **settings)
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)
        client.put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=1, DestinationConfig=destinations
        )


def _accept(server: RunningServer, load: Load, count: int, kill_at: int | None) -> None:
    """Send until `count` events are accepted; the server is killed when `kill_at` are."""
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(load.send_until, server, count) for _ in range(CALLERS)]
        if kill_at is not None:
            eventually(lambda: len(load.accepted) >= kill_at, lambda: len(load.accepted), 60)
            server.kill()
        for caller in callers:
            caller.result()


def _missing(load: Load, sink: Sink) -> list[int]:
    """The accepted events of whose outcome nothing arrived yet."""
    return [number for number in list(load.accepted) if number not in sink.outcomes]


def _kill_while_delivering(server: RunningServer, load: Load, sink: Sink, random: Random) -> None:
    arrived, missing = len(sink.outcomes), len(_missing(load, sink))
    kill_at = arrived + random.randint(0, missing // 2)
    eventually(lambda: len(sink.outcomes) >= kill_at, lambda: len(sink.outcomes), 60)
    server.kill()


@pytest.mark.timeout(600)
def test_every_accepted_event_has_one_outcome_whenever_the_server_is_killed(tmp_path: Path) -> None:
    random, load = Random(5), Load()
    with _sink() as (url, sink):
        started = functools.partial(
            running_server,
            tmp_path / "data",
            *("--aws-endpoint-url", url, "--queue-time-factor", "60"),
        )
        with started() as server:
            _create_functions(server, sink)
        share = EVENTS // (KILLS_WHILE_ACCEPTING + 1)
        for kill in range(KILLS_WHILE_ACCEPTING):
            with started() as server:
                _accept(server, load, EVENTS, kill * share + random.randint(1, share))
        with started() as server:
            _accept(server, load, EVENTS, None)
            server.kill()
        for _ in range(KILLS_WHILE_DELIVERING):
            with started() as server:
                _kill_while_delivering(server, load, sink, random)
        with started() as server:
            eventually(
                lambda: not _missing(load, sink),
                lambda: f"{len(_missing(load, sink))} outcomes",
                120,
            )
            assert server.stop() == 0
    _check(load, sink)


def _check(load: Load, sink: Sink) -> None:
    assert len(load.accepted) >= EVENTS
    assert len(load.unanswered) <= CALLERS * (KILLS_WHILE_ACCEPTING + 1)
    assert sink.outcomes.keys() <= load.accepted.keys() | load.unanswered
    for number, request_id in load.accepted.items():
        (outcome,) = sink.outcomes[number]
        assert outcome[:2] == (request_id, expected_condition(number))
    # Only what was on its way at a kill comes again: a few records of each target.
    duplicates = sum(count.total() - 1 for count in sink.outcomes.values())
    assert duplicates <= ON_THEIR_WAY * (KILLS_WHILE_ACCEPTING + 1 + KILLS_WHILE_DELIVERING)
