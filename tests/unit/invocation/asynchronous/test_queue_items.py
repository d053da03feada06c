from __future__ import annotations

import json

import pytest
from tests.support.outcomes import delivery, event

from lambent.invocation.asynchronous.queue_items import (
    delivery_item,
    event_item,
    shown_delivery,
    shown_event,
)
from lambent.store.asynchronous_events import Listed


def listed(**changes):
    return Listed(event=event(**changes), state="failed", payload_bytes=2, condition="x", error="y")


def test_an_event_and_a_delivery_have_the_same_members():
    first = event_item(listed(id=7, qualifier="live"), "failed")
    second = delivery_item(delivery(id=7))
    assert first.keys() == second.keys()
    assert (first["id"], second["id"]) == ("7", "d7")
    assert (first["qualifier"], second["qualifier"]) == ("live", "$LATEST")


@pytest.mark.parametrize(
    ("stored", "shown"), [("waiting", "delivering"), ("failed", "undelivered")]
)
def test_deliveries_have_states_of_their_own(stored, shown):
    assert delivery_item(delivery(state=stored))["state"] == shown


@pytest.mark.parametrize(
    ("payload", "encoding"),
    [
        (b'{"a": 1}', "json"),
        (b'"\\ud800"', "json"),
        ("ü".encode(), "text"),
        (b"", "text"),
        (b"1e999", "text"),
        (b"[" * 100_000, "text"),
        (b"\xff\x00", "base64"),
    ],
)
def test_a_payload_is_shown_as_what_it_is_and_always_as_json(payload, encoding):
    item = shown_event({}, listed(), payload)
    assert item["payload_encoding"] == encoding
    assert json.loads(json.dumps(item, allow_nan=False)) == item
    assert item["payload_bytes"] == len(payload)


def test_a_record_and_a_dead_letter_are_told_apart():
    assert shown_delivery({}, delivery())["record"] == {"version": "1.0"}
    letter = shown_delivery({}, delivery(kind="dead_letter", attributes={"RequestID": "r"}))
    assert "record" not in letter
    assert letter["payload"] == {"version": "1.0"}
    assert letter["attributes"] == {"RequestID": "r"}
