from __future__ import annotations

import pytest
from tests.unit.invocation.asynchronous.conftest import NOTHING

from lambent.domain.errors import ServiceError
from lambent.invocation.asynchronous.attempt import begin_attempt, version_for


def nothing():
    pass


async def test_an_attempt_runs_the_event_as_it_came(bench):
    event = bench.event(
        qualifier="7", payload=b"[1]", request_id="mine", client_context="{}", tenant_id="blue"
    )
    attempt = begin_attempt(bench.runs, event)
    began = []
    assert await attempt.answer(lambda: began.append(True)) is NOTHING
    [(name, invocation)] = bench.pool.calls
    assert (name, attempt.version.version, began) == ("echo", "7", [True])
    assert (invocation.request_id, invocation.payload) == ("mine", b"[1]")
    assert (invocation.client_context, invocation.tenant_id) == ("{}", "blue")
    assert invocation.trace_header == event.trace_header
    assert invocation.invoked_arn.endswith(":function:echo:7")


async def test_its_place_is_taken_at_once_and_given_back(bench):
    bench.reserve("echo", 1)
    attempt = begin_attempt(bench.runs, bench.event())
    with pytest.raises(ServiceError) as caught:
        begin_attempt(bench.runs, bench.event())
    assert caught.value.code == "TooManyRequestsException"
    await attempt.answer(nothing)
    await begin_attempt(bench.runs, bench.event()).answer(nothing)


@pytest.mark.parametrize(
    ("name", "settings", "code"),
    [
        ("gone", {}, "ResourceNotFoundException"),
        ("echo", {"state": "Pending"}, "ResourceConflictException"),
    ],
)
def test_what_cannot_run_is_refused_without_a_place(bench, name, settings, code):
    bench.functions.settings[name] = settings
    with pytest.raises(ServiceError) as caught:
        begin_attempt(bench.runs, bench.event(name))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (ServiceError("TooManyRequestsException", "no"), "TooManyRequestsException"),
        (RuntimeError("secret"), "ServiceException"),
    ],
)
async def test_what_kept_it_from_running_is_the_answer(bench, problem, code):
    bench.reserve("echo", 1)
    bench.pool.results["echo"] = [problem]
    answer = await begin_attempt(bench.runs, bench.event()).answer(nothing)
    assert isinstance(answer, ServiceError)
    assert answer.code == code
    assert "secret" not in answer.message
    begin_attempt(bench.runs, bench.event())  # the place is free again


def test_the_version_is_known_even_when_it_cannot_run(bench):
    bench.functions.settings["echo"] = {"state": "Pending"}
    version = version_for(bench.runs, bench.event(qualifier="3"))
    assert version is not None
    assert version.version == "3"
    assert version_for(bench.runs, bench.event("gone")) is None
