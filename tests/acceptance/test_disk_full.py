"""A data directory on a disk that fills up: nothing more is accepted, nothing accepted is lost."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.http_requests import HttpAnswer, send
from tests.support.neighbours import Neighbours, running_neighbours
from tests.support.queues import Queue, create_queue
from tests.support.server import RunningServer, running_server
from tests.support.waiting import eventually

from lambent.domain.quotas import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DISK_MIB = 64
LEFT_MIB = 4
MOST_EVENTS = 2000
LEAST_EVENTS = 20
REFUSALS = 200
PADDING = "." * 10_000  # so that a full disk is met soon
# Slower than it is called, so that events wait when the disk is full.
CODE = """\
import time
def handler(event, context):
    time.sleep(0.02)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with little on it."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = tmp_path / "disk"
    mounted.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_MIB}m", "lambent-test", str(mounted)]
    subprocess.run(["mount", *options], check=True)
    yield mounted
    subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def fill(disk: Path, left_mib: int) -> Path:
    """A file that takes all there is, but so much."""
    free = os.statvfs(disk)
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - left_mib * MIB)
    return filler


def invoke(server: RunningServer, name: str, number: int) -> HttpAnswer:
    return send(
        server,
        "POST",
        f"/2015-03-31/functions/{name}/invocations",
        json.dumps({"number": number, "padding": PADDING}),
        {"X-Amz-Invocation-Type": "Event"},
    )


def accept_until_refused(server: RunningServer, name: str) -> set[int]:
    """The events that were accepted until some were refused, as they should be.

    Meanwhile the function works on, and what becomes of its events cannot be written down either.
    """
    accepted = set()
    refused = 0
    for number in range(MOST_EVENTS):
        answer = invoke(server, name, number)
        if answer.status == 202:
            accepted.add(number)
            continue
        assert answer.status == 500
        assert answer.headers["x-amzn-errortype"] == "ServiceException"
        refused += 1
        if refused == REFUSALS:
            return accepted
    raise AssertionError("the disk was full, and everything was accepted")


def arrive(queue: Queue, awaited: set[int]) -> None:
    """Wait until a record of each of these events has come."""
    arrived: set[int] = set()

    def missing() -> set[int]:
        records = (json.loads(message["Body"]) for message in queue.drain())
        arrived.update(record["requestPayload"]["number"] for record in records)
        return awaited - arrived

    eventually(lambda: not missing(), lambda: f"{len(awaited - arrived)} records", 60)


@contextlib.contextmanager
def running(disk: Path, neighbours: Neighbours) -> Iterator[RunningServer]:
    options = ["--aws-endpoint-url", neighbours.url, "--queue-time-factor", "60"]
    options += ["--queue-reserve-mib", "0"]  # this disk is smaller than what is usually left
    with running_server(disk / "data", *options) as server:
        yield server


def set_up(server: RunningServer, queue: Queue) -> Deployed:
    """A function whose records go to the queue, and that has run."""
    deployed = deploy(server, CODE, FunctionName="slow", **WHOLE_CPU)
    deployed.call()
    client = server.client()
    client.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=1)
    client.put_function_event_invoke_config(
        FunctionName="slow", DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    return deployed


@pytest.fixture
def neighbours() -> Iterator[Neighbours]:
    with running_neighbours("ministack") as neighbours:
        yield neighbours


def test_a_full_disk_refuses_events_and_loses_none(disk: Path, neighbours: Neighbours) -> None:
    queue = create_queue(neighbours, "records")
    with running(disk, neighbours) as server:
        deployed = set_up(server, queue)
        filler = fill(disk, LEFT_MIB)
        accepted = accept_until_refused(server, deployed.name)
        assert len(accepted) > LEAST_EVENTS
        filler.unlink()
        assert invoke(server, deployed.name, MOST_EVENTS).status == 202
        arrive(queue, accepted | {MOST_EVENTS})


def test_a_server_killed_while_its_disk_is_full_loses_no_event(
    disk: Path, neighbours: Neighbours
) -> None:
    queue = create_queue(neighbours, "records")
    with running(disk, neighbours) as server:
        deployed = set_up(server, queue)
        filler = fill(disk, LEFT_MIB)
        accepted = accept_until_refused(server, deployed.name)
        server.kill()
    filler.unlink()
    with running(disk, neighbours) as server:
        arrive(queue, accepted)
        assert invoke(server, deployed.name, MOST_EVENTS).status == 202
        arrive(queue, {MOST_EVENTS})
