"""How one event or one delivery is shown to people and their programs."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Literal

from lambent.protocol.json_text import read_json

if TYPE_CHECKING:
    from lambent.domain.delivery import Delivery
    from lambent.store.asynchronous_events import Listed

EventState = Literal["waiting", "running", "failed"]
DeliveryState = Literal["delivering", "undelivered"]
Item = dict[str, object]  # as JSON has it


def event_item(listed: Listed, state: EventState) -> Item:
    """One line of a list."""
    event = listed.event
    return {
        "id": str(event.id),
        "state": state,
        "account_id": event.account_id,
        "region": event.region,
        "function": event.name,
        "qualifier": event.qualifier,
        "request_id": event.request_id,
        "since_ms": event.accepted_ms,
        "due_ms": event.due_ms,  # of a failed one, when it failed
        "attempts": event.attempts,
        "condition": listed.condition,
        "error": listed.error,
        "target_arn": None,
    }


def delivery_item(delivery: Delivery) -> Item:
    """One line of a list."""
    return {
        "id": f"d{delivery.id}",
        "state": "undelivered" if delivery.state == "failed" else "delivering",
        "account_id": delivery.account_id,
        "region": delivery.region,
        "function": delivery.name,
        "qualifier": delivery.function_arn.rpartition(":")[2],
        "request_id": delivery.request_id,
        "since_ms": delivery.created_ms,
        "due_ms": delivery.due_ms,
        "attempts": delivery.attempts,
        "condition": delivery.condition,
        "error": delivery.last_error,
        "target_arn": delivery.target_arn,
    }


def shown_event(item: Item, listed: Listed, payload: bytes) -> Item:
    event = listed.event
    return {
        **item,
        "function_arn": event.invoked_arn,
        "trace_header": event.trace_header,
        "client_context": event.client_context,
        "tenant_id": event.tenant_id,
        "payload_bytes": len(payload),
        **_content("payload", payload),
    }


def shown_delivery(item: Item, delivery: Delivery) -> Item:
    is_letter = delivery.kind == "dead_letter"  # which is the event, and no record of it
    return {
        **item,
        "kind": delivery.kind,
        "function_arn": delivery.function_arn,
        "trace_header": delivery.trace_header,
        "attributes": dict(delivery.attributes),
        **_content("payload" if is_letter else "record", delivery.body),
    }


def _content(name: str, content: bytes) -> Item:
    """`content` as what it is: JSON, other text, or bytes in base64."""
    encoding, value = _read(content)
    return {f"{name}_encoding": encoding, name: value}


def _read(content: bytes) -> tuple[str, object]:
    try:
        value = read_json(content)
        json.dumps(value, allow_nan=False)  # what is read cannot always be written
    except (ValueError, RecursionError):
        pass
    else:
        return "json", value
    try:
        return "text", content.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(content).decode()
