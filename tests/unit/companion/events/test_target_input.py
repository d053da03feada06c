"""What a rule's target is given, as recorded from AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.companion.events.target_input import NoInput, complaint, envelope, input_for

RULE_ARN = "arn:aws:events:us-east-1:111111111111:rule/bus/rule-name"
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "2d6e5f0a-0d5e-4f37-9c02-1b7fd6d3c0aa",
    "detail-type": "update",
    "source": "shop",
    "account": "111111111111",
    "time": "2025-01-21T10:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {
        "command": "update-account",
        "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"},
        "one": ["HIGH"],
        "many": ["ACTIVE", "INACTIVE"],
        "valid": True,
    },
}
PATHS = {
    "type": "$.detail-type",
    "userId": "$.detail.payload.acc_id",
    "payload": "$.detail.payload",
    "nothing": "$.detail.nowhere",
    "one": "$.detail.one",
    "many": "$.detail.many",
    "valid": "$.detail.valid",
}


def transformed(template: str) -> str:
    transformer = {"InputPathsMap": PATHS, "InputTemplate": template}
    return input_for({"InputTransformer": transformer}, EVENT, RULE_ARN)


def test_a_target_without_wishes_gets_the_whole_event() -> None:
    assert json.loads(input_for({}, EVENT, RULE_ARN)) == EVENT


def test_a_constant_is_sent_as_it_stands() -> None:
    assert input_for({"Input": '{"a" : 1}'}, EVENT, RULE_ARN) == '{"a" : 1}'


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.detail.payload", EVENT["detail"]["payload"]),
        ("$.detail.payload.sf_id", "baz"),
        ("$.detail-type", "update"),
        ("$.detail.nowhere", None),
    ],
)
def test_a_path_sends_that_part(path: str, expected: object) -> None:
    assert json.loads(input_for({"InputPath": path}, EVENT, RULE_ARN)) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"type": <type>, "id" : <userId>}', {"type": "update", "id": "0a787ecb-4015"}),
        ('{"id" : "<userId>"}', {"id": "0a787ecb-4015"}),
        ('{"path": "a/<userId>/<userId>"}', {"path": "a/0a787ecb-4015/0a787ecb-4015"}),
        ('{"body": <payload>}', {"body": EVENT["detail"]["payload"]}),
        (
            '{"list": <one>, "in": [<userId>, "x"]}',
            {"list": ["HIGH"], "in": ["0a787ecb-4015", "x"]},
        ),
        ('{"missing": <nothing>}', {"missing": ""}),
        ('{"all": <aws.events.event.json>}', {"all": EVENT}),
    ],
)
def test_a_template_of_json_is_filled(template: str, expected: dict[str, Any]) -> None:
    assert json.loads(transformed(template)) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"Event of <type>, by <userId>"', '"Event of update, by 0a787ecb-4015"'),
        ('"{[/odd beginning of <type>"', '"{[/odd beginning of update"'),
        ('"nothing: <nothing>"', '"nothing: "'),
        ('"<one> and <many>"', '"[HIGH] and [ACTIVE,INACTIVE]"'),
        ('"Payload of <payload>"', '"Payload of {acc_id:0a787ecb-4015,sf_id:baz}"'),
        ('"Command is <valid>!"', '"Command is true!"'),
        ('"<aws.events.rule-name>"', '"rule-name"'),
        ('"<aws.events.rule-arn>"', f'"{RULE_ARN}"'),
    ],
)
def test_a_template_that_is_a_text_loses_inner_quotation_marks(
    template: str, expected: str
) -> None:
    assert transformed(template) == expected


@pytest.mark.parametrize("template", ['{"a": "<payload>"}', '{"a": "<one>"}', "<one> alone"])
def test_a_template_that_makes_no_json_sends_nothing(template: str) -> None:
    with pytest.raises(NoInput):
        transformed(template)


def test_quotation_marks_in_a_value_stay_inside_the_string() -> None:
    event = EVENT | {"source": 'a"b'}
    transformer = {"InputPathsMap": {"s": "$.source"}, "InputTemplate": '{"s": "<s>", "t": <s>}'}
    text = input_for({"InputTransformer": transformer}, event, RULE_ARN)
    assert json.loads(text) == {"s": 'a"b', "t": 'a"b'}


def test_the_predefined_event_has_no_detail() -> None:
    filled = json.loads(transformed('{"event": <aws.events.event>}'))
    assert filled["event"]["detailType"] == "update"
    assert not {"detail", "detail-type"} & filled["event"].keys()


def test_an_envelope_has_moto_s_times_in_words_and_nothing_of_moto_s_own() -> None:
    written = envelope(EVENT | {"time": 1_700_000_000.5, "ingestion-time": 1.0})
    assert written["time"] == "2023-11-14T22:13:20Z"
    assert list(written) == list(EVENT)


def test_two_ways_at_once_are_refused() -> None:
    target = {"Id": "t", "Input": "{}", "InputPath": "$"}
    assert complaint(target) == (
        "Only one of Input, InputPath, or InputTransformer must be provided for target t."
    )


def test_a_placeholder_nobody_knows_is_refused() -> None:
    transformer = {"InputPathsMap": {"a": "$.a"}, "InputTemplate": '"<a> <b> <aws.events.event>"'}
    assert complaint({"Id": "t", "InputTransformer": transformer}) == (
        "InputTemplate for target t contains invalid placeholder b."
    )
