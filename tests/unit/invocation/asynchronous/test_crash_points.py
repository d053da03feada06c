"""The server may be killed at any moment: what is on the disk then is one of the states between
two commits. Each of these is taken up by a new queue here, and must lead to the same outcomes.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import defaultdict
from typing import Any

import pytest
from tests.unit.invocation.asynchronous.conftest import ACCOUNT, FAILED, REGION, Bench

from lambent.domain.event_invoke_config import EventInvokeConfig
from lambent.store import database as database_module
from lambent.store.database import Database
from lambent.store.selection import Selection

GOOD, BAD, DEAD = (f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in ("good", "bad", "dead"))
# What the only outcome of an event of each function is, and whom it is told.
OUTCOMES = {
    "quiet": set(),
    "told": {("Success", GOOD)},
    "failing": {("RetriesExhausted", BAD)},
    "dying": {("RetriesExhausted", DEAD)},
    "lost": {("RetriesExhausted", "kept")},
}
EVENTS_OF_EACH = 4
RETRIES = 2


class Killed(Bench):
    """Its functions fail, or not, by their names; its events are tried again at once."""

    def __init__(self, database):
        super().__init__(database, places=4)
        self.functions.settings["dying"] = {"dead_letter_arn": DEAD}
        for name in ("told", "failing"):
            self.configs.put(name, config(name), "$LATEST")
        self.pool.answer = lambda name: FAILED if name in ("failing", "dying", "lost") else None

    async def finish(self):
        """Until nothing waits: seconds pass as soon as there is nothing else to do."""
        while True:
            counts = await self.store.counts()
            if not any(state == "waiting" for _, state in counts) and not await self.undelivered():
                return
            await asyncio.sleep(0)
            await self.wait(10, *OUTCOMES)

    async def undelivered(self):
        return await self.deliveries.targets()

    async def outcomes(self):
        """What was told of each event, as often as it was, and what was kept."""
        found = defaultdict(set)
        for each in self.all_sent:
            found[each.request_id].add((each.condition, each.target_arn))
        for listed in await self.store.list(Selection(state="failed"), after=0, most=1000):
            found[listed.event.request_id].add((listed.condition, "kept"))
        return found


def config(name):
    return EventInvokeConfig(
        account_id=ACCOUNT,
        region=REGION,
        name=name,
        qualifier="$LATEST",
        revision_id="r",
        last_modified=0.0,
        maximum_retry_attempts=RETRIES,
        maximum_event_age_seconds=None,
        on_success=GOOD,
        on_failure=BAD,
    )


@pytest.fixture
def states(tmp_path, monkeypatch):
    """Directories with what was on the disk after each commit, and what had been told by then."""
    taken: list[Any] = []
    run_group = database_module._run_group

    def run_and_keep(engine, jobs):
        outcomes = run_group(engine, jobs)
        if taken_from:
            [(directory, told)] = taken_from
            copy = tmp_path / f"state-{len(taken)}"
            shutil.copytree(directory, copy)
            taken.append((copy, told()))
        return outcomes

    taken_from: list[Any] = []
    monkeypatch.setattr(database_module, "_run_group", run_and_keep)
    return taken, taken_from


async def test_whenever_it_is_killed_each_event_has_its_one_outcome(tmp_path, states):
    taken, taken_from = states
    directory = tmp_path / "data"
    directory.mkdir()
    accepted: list[str] = []
    async with Database.open(directory / "lambent.sqlite") as database:
        bench = Killed(database)
        async with bench.open():
            taken_from.append(
                (directory, lambda: (bench.now_ms, list(accepted), list(bench.all_sent)))
            )
            for number in range(EVENTS_OF_EACH):
                for name in OUTCOMES:
                    await bench.accept(name, request_id=f"{name}-{number}", payload=b"[1]")
                    accepted.append(f"{name}-{number}")
            await bench.finish()
            taken_from.clear()
            assert_outcomes(await bench.outcomes(), accepted)
    assert len(taken) > len(accepted)
    for state, (now_ms, known, told) in taken:
        await take_up(state, now_ms, known, told)


async def take_up(state, now_ms, known, told):
    """What a server does that starts with this on its disk."""
    async with Database.open(state / "lambent.sqlite") as database:
        bench = Killed(database)
        bench.now_ms = now_ms
        bench.all_sent += told
        async with bench.open():
            await bench.finish()
            assert_outcomes(await bench.outcomes(), known)
    shutil.rmtree(state)


def assert_outcomes(found, accepted):
    for request_id in accepted:
        name = request_id.partition("-")[0]
        assert found.pop(request_id, set()) == OUTCOMES[name], (request_id, json.dumps(accepted))
    # Whoever was killed before it could say that it had accepted an event may have kept it.
    for request_id, outcome in found.items():
        assert outcome == OUTCOMES[request_id.partition("-")[0]]
