"""What custom resources are asked, and what their responses mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.companion.cloudformation.custom_resources import (
    NotMade,
    as_strings,
    is_custom,
    read_response,
    time_out,
)
from lambent.companion.cloudformation.resource_type import ChangeRefused, Made

EVENT = {"StackId": "stack", "RequestId": "1", "LogicalResourceId": "Thing"}
SUCCESS = {**EVENT, "Status": "SUCCESS", "PhysicalResourceId": "a"}


def test_properties_are_handed_on_as_text() -> None:
    properties = {"Count": 3, "Wanted": True, "List": [{"Part": 0.5}], "Name": "x"}
    assert as_strings(properties) == {
        "Count": "3",
        "Wanted": "true",
        "List": [{"Part": "0.5"}],
        "Name": "x",
    }


def test_a_success_has_its_data() -> None:
    text = json.dumps({**SUCCESS, "Data": {"Key": "value"}, "NoEcho": True})
    made = read_response(EVENT, text)
    assert made == Made(physical_id="a", attributes={"Key": "value"}, is_hidden=True)


def test_a_failure_has_its_reason_and_its_physical_id() -> None:
    with pytest.raises(NotMade, match=r"\[FAILED\].*no room \(RequestId: 1\)") as failed:
        read_response(EVENT, json.dumps({**SUCCESS, "Status": "FAILED", "Reason": "no room"}))
    assert failed.value.physical_id == "a"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"PhysicalResourceId": None}, "Invalid PhysicalResourceId"),
        ({"PhysicalResourceId": ""}, "Invalid PhysicalResourceId"),
        ({"Status": "DONE"}, "Status"),
        ({"StackId": "another"}, "StackId"),
        ({"RequestId": "2"}, "RequestId"),
        ({"Data": ["x"]}, "Data"),
    ],
)
def test_a_response_that_is_none_fails(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotMade, match=reason):
        read_response(EVENT, json.dumps({**SUCCESS, **changed}))


@pytest.mark.parametrize("text", ["", "[]", "null", "{"])
def test_what_is_no_object_fails(text: str) -> None:
    with pytest.raises(NotMade, match="JSON object"):
        read_response(EVENT, text)


@pytest.mark.parametrize("value", [0, 3601, "-1", "soon", None])
def test_a_time_out_has_bounds(value: object) -> None:
    with pytest.raises(ChangeRefused, match="ServiceTimeout"):
        time_out({"ServiceTimeout": value})


def test_a_time_out_is_an_hour_unless_it_is_said() -> None:
    assert (time_out({}), time_out({"ServiceTimeout": "60"})) == (3600, 60)


def test_custom_types_are_told_by_their_names() -> None:
    assert is_custom("Custom::Anything")
    assert is_custom("AWS::CloudFormation::CustomResource")
    assert not is_custom("AWS::Lambda::Function")
