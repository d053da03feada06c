from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.versions import function_version

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation, InvocationResult
from lambent.invocation.run import admit, run
from lambent.telemetry.metrics.recorder import Metrics

VERSION = function_version(
    account_id="000000000000", region="us-east-1", name="f", version="3", revision_id="r"
)
THROTTLED = ServiceError("TooManyRequestsException", "Rate Exceeded.")


def invocation(arn):
    return Invocation(request_id="r", invoked_arn=arn, payload=b"{}", trace_header="")


class Bench:
    """What `run` needs, as the test says."""

    def __init__(self):
        self.metrics = Metrics()
        self.error = None
        self.result = InvocationResult(payload=b"1", duration_ms=7.0)
        self.ready = self.idle = 0
        self.is_reserved = False

    @property
    def runs(self) -> Any:
        pool = SimpleNamespace(
            has_provisioned=lambda version: bool(self.idle),
            provisioned=lambda version: self.ready,
            invoke=self.invoke,
        )
        concurrency = SimpleNamespace(
            admit=self.place, is_reserved=lambda version: self.is_reserved
        )
        return SimpleNamespace(pool=pool, concurrency=concurrency, metrics=self.metrics)

    def place(self, version, **options):
        if self.error is not None:
            raise self.error
        return contextlib.nullcontext()

    async def invoke(self, version, invocation, **options):
        if self.error is not None:
            raise self.error
        return self.result

    def totals(self):
        return {
            (each.metric, each.series.resource, each.series.executed_version): each.aggregate.total
            for each in self.metrics.now(0)
        }


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize(
    ("qualifier", "resource", "executed"),
    [("", "f", ""), (":3", "f:3", ""), (":live", "f:live", "3")],
)
async def test_an_invocation_is_measured_for_what_was_invoked(bench, qualifier, resource, executed):
    await run(bench.runs, VERSION, invocation(VERSION.arn + qualifier))
    assert bench.totals() == {
        ("Invocations", resource, executed): 1,
        ("Errors", resource, executed): 0,
        ("Throttles", resource, executed): 0,
        ("Duration", resource, executed): 7.0,
    }


async def test_a_function_error_is_an_error(bench):
    bench.result.is_function_error = True
    await run(bench.runs, VERSION, invocation(VERSION.arn))
    assert bench.totals()["Errors", "f", ""] == 1


async def test_what_is_throttled_by_the_host_was_no_invocation(bench):
    bench.error = THROTTLED
    with pytest.raises(ServiceError):
        await run(bench.runs, VERSION, invocation(VERSION.arn))
    assert bench.totals() == {("Throttles", "f", ""): 1}


async def test_a_failure_of_the_platform_is_neither(bench):
    bench.error = ServiceError("ServiceException", "broken")
    with pytest.raises(ServiceError):
        await run(bench.runs, VERSION, invocation(VERSION.arn))
    assert bench.totals() == {}


def test_what_is_not_admitted_is_throttled(bench):
    bench.error = THROTTLED
    with pytest.raises(ServiceError):
        admit(bench.runs, VERSION, "live")
    assert bench.totals() == {("Throttles", "f:live", "3"): 1}


def test_places_are_counted_while_they_are_held(bench):
    with admit(bench.runs, VERSION, None):
        assert bench.totals()["ConcurrentExecutions", "f", ""] == 1
        bench.is_reserved = True
        with admit(bench.runs, VERSION, None):
            pass
    assert bench.totals()["ConcurrentExecutions", "", ""] == 1 + 2
    assert bench.totals()["UnreservedConcurrentExecutions", "", ""] == 1


def test_invocations_go_to_provisioned_concurrency_or_spill_over(bench):
    bench.ready, bench.idle = 2, 1
    with admit(bench.runs, VERSION, "3"):
        bench.idle = 0
        with admit(bench.runs, VERSION, "3"):
            pass
    totals = bench.totals()
    assert totals["ProvisionedConcurrencyInvocations", "f:3", ""] == 1
    assert totals["ProvisionedConcurrencySpilloverInvocations", "f:3", ""] == 1
    assert totals["ProvisionedConcurrencyUtilization", "", ""] == 0.5
