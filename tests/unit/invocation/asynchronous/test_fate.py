from __future__ import annotations

from typing import Any

import pytest
from tests.support.outcomes import event
from tests.unit.invocation.asynchronous.conftest import ACCOUNT, FAILED, NOTHING, REGION, Records

from lambent.domain.asynchronous_event import AsynchronousEvent, Condition, Outcome
from lambent.domain.errors import resource_not_found
from lambent.domain.event_invoke_config import EventInvokeConfig
from lambent.domain.recursion import RecursionConfig
from lambent.domain.reserved_concurrency import ReservedConcurrency
from lambent.invocation.asynchronous.fate import Fates
from lambent.invocation.asynchronous.queue_clock import QueueClock

ACCEPTED_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
LOOP = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=17:0a1b2c3d:16"


class Deciding:
    """Fates of the function `greet`, with the settings and the time a test gives."""

    def __init__(self):
        self.now_ms = ACCEPTED_MS
        self.configs: Any = Records()
        self.reserved: Any = Records()
        self.recursion: Any = Records()

    @property
    def fates(self):
        return Fates(
            event_invoke_configs=self.configs,
            reserved_concurrency=self.reserved,
            recursion_configs=self.recursion,
            clock=QueueClock(now_ms=lambda: self.now_ms),
        )

    def configure(self, qualifier="$LATEST", *, retries=None, age=None):
        config = EventInvokeConfig(
            account_id=ACCOUNT,
            region=REGION,
            name="greet",
            qualifier=qualifier,
            revision_id="r",
            last_modified=0.0,
            maximum_retry_attempts=retries,
            maximum_event_age_seconds=age,
            on_success=None,
            on_failure=None,
        )
        self.configs.put("greet", config, qualifier)

    def after(self, result=FAILED, **members) -> Any:
        return self.fates.after_running(accepted(**members), "7", result)


@pytest.fixture
def deciding():
    return Deciding()


def accepted(**members) -> AsynchronousEvent:
    return event(**({"accepted_ms": ACCEPTED_MS} | members))


def test_an_event_is_run_that_nothing_is_against(deciding):
    assert deciding.fates.before_running(accepted()) is None


def test_an_event_is_too_old_after_six_hours(deciding):
    deciding.now_ms += 6 * HOUR_MS - 1
    assert deciding.fates.before_running(accepted()) is None
    deciding.now_ms += 1
    outcome = deciding.fates.before_running(accepted(attempts=1))
    assert outcome.condition == Condition.EVENT_AGE_EXCEEDED
    assert (outcome.invoke_count, outcome.executed_version) == (1, None)
    assert outcome.ended_ms == deciding.now_ms


def test_an_event_is_as_old_as_its_qualifier_s_configuration_allows(deciding):
    deciding.configure("live", age=60)
    deciding.now_ms += 60_000
    assert deciding.fates.before_running(accepted()) is None
    outcome = deciding.fates.before_running(accepted(qualifier="live"))
    assert outcome.condition == Condition.EVENT_AGE_EXCEEDED


@pytest.mark.parametrize(("executions", "is_run"), [(0, False), (1, True)])
def test_without_reserved_executions_nothing_is_run(deciding, executions, is_run):
    record = ReservedConcurrency(
        account_id=ACCOUNT, region=REGION, name="greet", revision_id="r", executions=executions
    )
    deciding.reserved.put("greet", record)
    outcome = deciding.fates.before_running(accepted())
    assert (outcome is None) is is_run
    if outcome is not None:
        assert (outcome.condition, outcome.status_code) == ("ZeroReservedConcurrency", 429)


@pytest.mark.parametrize(
    ("setting", "is_run"), [(None, False), ("Terminate", False), ("Allow", True)]
)
def test_a_loop_is_stopped_unless_it_is_allowed(deciding, setting, is_run):
    if setting is not None:
        config = RecursionConfig(
            account_id=ACCOUNT, region=REGION, name="greet", revision_id="r", recursive_loop=setting
        )
        deciding.recursion.put("greet", config)
    outcome = deciding.fates.before_running(accepted(trace_header=LOOP))
    assert (outcome is None) is is_run
    if outcome is not None:
        assert (outcome.condition, outcome.status_code) == ("RecursiveInvocation", 400)


def test_a_function_that_is_gone_has_an_outcome_with_what_was_said(deciding):
    outcome = deciding.fates.not_found(accepted(), resource_not_found("Function not found: x"))
    assert (outcome.condition, outcome.status_code) == ("FunctionNotFound", 404)
    assert outcome.response_payload == b"Function not found: x"
    assert not outcome.is_success


def test_what_a_function_returned_is_the_outcome(deciding):
    outcome = deciding.after(NOTHING, attempts=1)
    assert isinstance(outcome, Outcome)
    assert outcome.is_success
    assert (outcome.invoke_count, outcome.executed_version) == (2, "7")
    assert (outcome.response_payload, outcome.is_function_error) == (b"null", False)


@pytest.mark.parametrize(("attempts", "wait_ms"), [(0, 60_000), (1, 120_000)])
def test_a_function_s_error_is_tried_again_later(deciding, attempts, wait_ms):
    again = deciding.after(attempts=attempts)
    assert isinstance(again, AsynchronousEvent)
    assert (again.attempts, again.due_ms) == (attempts + 1, ACCEPTED_MS + wait_ms)
    assert again.payload == accepted().payload


@pytest.mark.parametrize(("retries", "attempts"), [(None, 2), (1, 1), (0, 0)])
def test_retries_end(deciding, retries, attempts):
    deciding.configure(retries=retries)
    outcome = deciding.after(attempts=attempts)
    assert outcome.condition == "RetriesExhausted"
    assert outcome.event.attempts == outcome.invoke_count == attempts + 1
    assert (outcome.status_code, outcome.is_function_error) == (200, True)


def test_a_retry_that_would_come_too_late_is_not_waited_for(deciding):
    deciding.configure(age=60)
    assert deciding.after().condition == "EventAgeExceeded"
