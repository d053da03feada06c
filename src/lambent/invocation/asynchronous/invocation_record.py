"""The document that destinations are sent about an invocation.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from typing import TYPE_CHECKING

from lambent.domain.asynchronous_event import Condition
from lambent.protocol.json_text import check_json
from lambent.telemetry.clock import iso_time

if TYPE_CHECKING:
    from lambent.domain.asynchronous_event import Outcome


def invocation_record(outcome: Outcome) -> bytes:
    """The record in JSON, members in AWS's order.

    Payloads stand in it as they came: read and written again, numbers beyond Python's would change.
    """
    event = outcome.event
    members = {
        "version": _json("1.0"),
        "timestamp": _json(iso_time(outcome.ended_ms)),
        "requestContext": _json(
            {
                "requestId": event.request_id,
                "functionArn": event.qualified_arn,
                "condition": str(outcome.condition),
                "approximateInvokeCount": outcome.invoke_count,
            }
        ),
        "requestPayload": _payload(event.payload),
        **_response(outcome),
    }
    return b"{" + b",".join(_json(name) + b":" + text for name, text in members.items()) + b"}"


def _response(outcome: Outcome) -> dict[str, bytes]:
    """What the function, or Lambda in its place, answered last; nothing when nobody was asked."""
    if outcome.condition is Condition.ZERO_RESERVED_CONCURRENCY:
        return {}
    context: dict[str, object] = {"statusCode": outcome.status_code}
    if outcome.executed_version is not None:
        context["executedVersion"] = outcome.executed_version
    if outcome.is_function_error:
        context["functionError"] = "Unhandled"
    response = {"responseContext": _json(context)}
    if outcome.response_payload is not None:
        response["responsePayload"] = _payload(outcome.response_payload)
    return response


def _payload(payload: bytes) -> bytes:
    """The payload, or, since a runtime may answer what it likes, a JSON string of what is no JSON."""
    try:
        check_json(payload)
    except (ValueError, RecursionError):
        return _json(payload.decode(errors="replace"))
    return payload.removeprefix(BOM_UTF8).strip()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
