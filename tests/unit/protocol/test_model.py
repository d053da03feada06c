from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.model import ServiceModel

from lambent.protocol.model import (
    body_members,
    label_names,
    load_model,
    members_at,
    payload_member,
    serialized_name,
)

SHAPES = {
    "Text": {"type": "string"},
    "Mixed": {
        "type": "structure",
        "members": {
            "Name": {"shape": "Text", "location": "uri", "locationName": "name"},
            "Kind": {"shape": "Text", "location": "header", "locationName": "X-Kind"},
            "First": {"shape": "Text"},
            "Second": {"shape": "Text", "locationName": "second"},
        },
    },
    "Whole": {"type": "structure", "payload": "Body", "members": {"Body": {"shape": "Text"}}},
}
MODEL = ServiceModel({"metadata": {}, "operations": {}, "shapes": SHAPES}, "t")
MIXED: Any = MODEL.shape_for("Mixed")
WHOLE: Any = MODEL.shape_for("Whole")


def test_models_are_loaded_once():
    assert load_model("lambda") is load_model("lambda")
    assert load_model("lambda").metadata["protocol"] == "rest-json"
    assert load_model("logs").metadata["protocol"] == "json"


def test_an_unknown_service_has_no_model():
    with pytest.raises(UnknownServiceError):
        load_model("no-such-service")


def test_members_are_told_apart_by_where_they_are():
    assert [name for name, _ in members_at(MIXED, "uri")] == ["Name"]
    assert [name for name, _ in members_at(MIXED, "header")] == ["Kind"]
    assert body_members(MIXED) == ["First", "Second"]
    assert not list(members_at(None, "uri"))
    assert body_members(None) == []


def test_a_payload_leaves_no_body_members():
    assert payload_member(WHOLE) == "Body"
    assert body_members(WHOLE) == []
    assert payload_member(MIXED) is payload_member(None) is None


def test_wire_names_default_to_the_members_own():
    names = {name: serialized_name(name, member) for name, member in MIXED.members.items()}
    assert names == {"Name": "name", "Kind": "X-Kind", "First": "First", "Second": "second"}


def test_labels_are_listed_in_order():
    assert label_names("/a/{Two}/b/{One}/{Rest+}?x={y}") == ["Two", "One", "Rest", "y"]
    assert label_names("/plain") == []
