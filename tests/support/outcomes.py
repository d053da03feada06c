"""Events of asynchronous invocations, what came of them, and what is sent about that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lambent.domain.asynchronous_event import AsynchronousEvent, Condition, Outcome
from lambent.domain.delivery import Delivery

ACCOUNT, REGION = "123456789012", "us-east-1"
REQUEST_ID = "e4b46cbf-b738-4a3d-8880-a18cdf61200e"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:0a1b2c3d:0"
ENDED_MS = 1_573_755_365_568  # 2019-11-14T18:16:05.568Z
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:records"


def event(**changes: Any) -> AsynchronousEvent:
    plain = {
        "account_id": ACCOUNT,
        "region": REGION,
        "name": "greet",
        "qualifier": None,
        "request_id": REQUEST_ID,
        "payload": b'{"my": "event"}',
        "trace_header": TRACE,
        "accepted_ms": ENDED_MS - 1000,
    }
    return AsynchronousEvent(**{**plain, **changes})


def outcome(*, of: AsynchronousEvent | None = None, **changes: Any) -> Outcome:
    """A success, unless `changes` say otherwise."""
    plain = {
        "event": of or event(),
        "condition": Condition.SUCCESS,
        "invoke_count": 1,
        "executed_version": "$LATEST",
        "response_payload": b'{"my": "event"}',
        "is_function_error": False,
        "status_code": 200,
        "ended_ms": ENDED_MS,
    }
    return Outcome(**{**plain, **changes})


def failure(*, of: AsynchronousEvent | None = None, **changes: Any) -> Outcome:
    """Three attempts that failed."""
    plain = {
        "condition": Condition.RETRIES_EXHAUSTED,
        "invoke_count": 3,
        "response_payload": b'{"errorType": "Error", "errorMessage": "failure example"}',
        "is_function_error": True,
    }
    return outcome(of=of, **{**plain, **changes})


def delivery(**changes: Any) -> Delivery:
    plain = {
        "account_id": ACCOUNT,
        "region": REGION,
        "name": "greet",
        "request_id": REQUEST_ID,
        "kind": "destination",
        "condition": "Success",
        "target_arn": QUEUE,
        "function_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:greet:$LATEST",
        "trace_header": TRACE,
        "body": b'{"version":"1.0"}',
        "created_ms": ENDED_MS,
        "due_ms": ENDED_MS,
    }
    return Delivery(**{**plain, **changes})


def by_state(counts: Any) -> dict[str, int]:
    """Of the counts of each function in each state, the sums."""
    sums = Counter[str]()
    for (_, state), count in counts.items():
        sums[state] += count
    return dict(sums)
