"""What operators choose of the Invoke API, and what they ask of it themselves."""

from __future__ import annotations

import json

import pytest
from tests.unit.emulator.invoke_bench import OWN_ARN, Bench, head

from lambent.domain.invocation import InvocationResult, error_payload
from lambent.domain.quotas import MIB


@pytest.fixture
async def bench():
    bench = Bench()
    async with bench.calls:
        yield bench


TIMED_OUT = InvocationResult(
    payload=error_payload(
        "Sandbox.Timedout", "2026-01-31T12:00:00.000Z id Task timed out after 1.00 seconds"
    ),
    is_function_error=True,
    error_type="Sandbox.Timedout",
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("aws", TIMED_OUT.payload),
        ("rie", b"Task timed out after 1.00 seconds"),
        ("daemon", TIMED_OUT.payload.replace(b"Sandbox.Timedout", b"TimeoutError")),
    ],
)
async def test_a_time_out_is_told_as_chosen(bench, answer, expected):
    bench.choose(time_out_answer=answer)
    bench.engine.outcomes.append(TIMED_OUT)

    response = await bench.send()

    assert response.body == expected
    assert head(response)["x-amz-function-error"] == "Unhandled"


async def test_health_is_told_to_whoever_asks(bench):
    response = await bench.send("/health", method="GET")

    assert response.status == 200
    assert json.loads(response.body) == {"function": "own-name", "events": 0, "instances": 1}


async def test_one_that_is_stopping_is_not_ready(bench):
    assert (await bench.send("/ready", method="GET")).status == 200
    bench.is_ready = False
    assert (await bench.send("/ready", method="GET")).status == 503


async def test_openfaas_has_its_routes_when_it_is_wanted(bench):
    bench.choose(serves_openfaas=True)

    invoked = await bench.send("/", b'"event"', origin="http://gateway.example")
    healthy = await bench.send("/_/health", method="GET")
    ready = await bench.send("/_/ready", method="GET")

    assert (invoked.status, invoked.body) == (200, b'"event"')
    assert bench.invocation.invoked_arn == OWN_ARN
    assert (healthy.status, healthy.body) == (ready.status, ready.body) == (200, b"OK")
    bench.is_ready = False
    assert (await bench.send("/_/ready", method="GET")).status == 503
    assert (await bench.send("/", method="GET")).status == 405


async def test_without_limits_large_events_are_taken(bench):
    bench.choose(max_event_bytes=100 * MIB)

    assert (await bench.send(body=b"x" * (7 * MIB))).status == 200
    large = await bench.send(body=b"x" * (2 * MIB), x_amz_invocation_type="Event")
    assert large.status == 202
