from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

from lambent.execution_environment.lifecycle import EnvironmentState
from lambent.execution_environment.pool.pool import PoolStatistics
from lambent.server.environments import list_environments, summarize_health


class Pool:
    def __init__(self, *environments):
        self._environments = environments

    def environments(self):
        return list(self._environments)


def environment(name="greet", **changes):
    version = SimpleNamespace(
        account_id="123456789012",
        region="us-east-1",
        name=name,
        version="$LATEST",
        runtime="python3.12",
        memory_mib=128,
        environment={"PASSWORD": "secret"},
    )
    known = {
        "id": "abc",
        "version": version,
        "initialization_type": "on-demand",
        "tenant_id": None,
        "state": EnvironmentState.FROZEN,
        "created_ms": 1_769_860_800_000,
        "last_used": time.monotonic() + 1000,
        "invocations": 3,
        "memory_bytes": lambda: 1024,
    }
    return SimpleNamespace(**{**known, **changes})


def listed(*environments, function=None) -> Any:
    pool: Any = Pool(*environments)
    return list_environments(pool, function)["environments"]


def test_an_environment_is_described_without_its_secrets():
    [described] = listed(environment())
    assert described == {
        "id": "abc",
        "account_id": "123456789012",
        "region": "us-east-1",
        "function": "greet",
        "version": "$LATEST",
        "runtime": "python3.12",
        "kind": "on-demand",
        "tenant": None,
        "state": "frozen",
        "created_ms": 1_769_860_800_000,
        "seconds_since_last_use": 0.0,
        "invocations": 3,
        "memory_used_bytes": 1024,
        "memory_limit_bytes": 128 * 1024 * 1024,
    }
    assert "secret" not in json.dumps(described)


def test_a_use_some_time_ago_is_told_in_seconds():
    [described] = listed(environment(last_used=time.monotonic() - 60))
    assert described["seconds_since_last_use"] >= 60


def test_memory_that_is_not_known_is_none():
    [described] = listed(environment(memory_bytes=lambda: 0))
    assert described["memory_used_bytes"] is None


def test_one_functions_environments_can_be_asked_for():
    environments = [environment("greet"), environment("other")]
    assert [each["function"] for each in listed(*environments, function="other")] == ["other"]
    assert len(listed(*environments)) == 2
    assert listed(*environments, function="gone") == []


def test_health_tells_how_many_there_are_and_who_waits():
    statistics = PoolStatistics(environments=5, idle=2, waiting=7, starting=1)
    pool: Any = SimpleNamespace(statistics=lambda: statistics)
    sandboxes: Any = SimpleNamespace(in_stock=lambda: {"python3.12": 4})
    health = summarize_health(pool, sandboxes)
    assert health.pop("version")
    assert health == {
        "status": "ok",
        "environments": {"total": 5, "idle": 2, "starting": 1},
        "waiting_invocations": 7,
        "stem_cells": {"python3.12": 4},
    }
