"""Event source mappings as they are created, read, changed, listed and deleted."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.refusals import refusal

REQUEST = ("ResponseMetadata", "LastModified")


def queue(account, name="jobs"):
    return f"arn:aws:sqs:us-east-1:{account.id}:{name}"


def stream(account):
    return f"arn:aws:kinesis:us-east-1:{account.id}:stream/clicks"


def mapped(account, **request):
    answer = account.client().create_event_source_mapping(
        **{"FunctionName": "greet", "EventSourceArn": queue(account), **request}
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    return answer


def essence(answer):
    return {name: what for name, what in answer.items() if name not in REQUEST}


def test_a_queue_from_its_creation_to_its_end(account):
    account.created()
    client = account.client()
    created = mapped(account, Tags={"a": "1"})
    one = {"UUID": created["UUID"]}
    assert datetime.now(UTC) - created["LastModified"] < timedelta(minutes=5)
    arn = f"arn:aws:lambda:us-east-1:{account.id}:event-source-mapping:{created['UUID']}"
    expected = {
        **one,
        "EventSourceMappingArn": arn,
        "EventSourceArn": queue(account),
        "FunctionArn": account.arn("greet"),
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }
    assert essence(created) == expected
    assert essence(client.get_event_source_mapping(**one)) == {**expected, "State": "Enabled"}
    assert client.list_tags(Resource=arn)["Tags"] == {"a": "1"}

    changed = client.update_event_source_mapping(
        **one, Enabled=False, BatchSize=50, MaximumBatchingWindowInSeconds=2
    )
    assert changed["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert changed["State"] == "Disabling"
    found = client.get_event_source_mapping(**one)
    assert (found["State"], found["BatchSize"]) == ("Disabled", 50)

    deleted = client.delete_event_source_mapping(**one)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert deleted["State"] == "Deleting"
    missing = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
    assert refusal(client.get_event_source_mapping, **one) == missing
    assert refusal(client.update_event_source_mapping, **one, Enabled=True) == missing
    assert refusal(client.delete_event_source_mapping, **one) == missing


def test_a_stream_keeps_where_it_starts_and_what_it_filters(account):
    account.created()
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    created = mapped(
        account,
        EventSourceArn=stream(account),
        StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=moment,
        FilterCriteria={"Filters": [{"Pattern": '{"data": {"n": [{"numeric": [">", 5]}]}}'}]},
        DestinationConfig={"OnFailure": {"Destination": queue(account, "failed")}},
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    found = account.client().get_event_source_mapping(UUID=created["UUID"])
    assert essence(found) == {
        **essence(created),
        "State": "Enabled",
        "StartingPositionTimestamp": moment,
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {"Destination": queue(account, "failed")}},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "LastProcessingResult": "No records processed",
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
    }


def test_an_empty_destination_is_answered(account):
    account.created()
    created = mapped(account, EventSourceArn=stream(account), StartingPosition="LATEST")
    assert created["DestinationConfig"] == {"OnFailure": {}}


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            {"EventSourceArn": None},
            "InvalidParameterValueException",
            "Unrecognized event source.",
        ),
        (
            {"FunctionName": "nobody"},
            "InvalidParameterValueException",
            "Function does not exist",
        ),
        (
            {"FunctionName": "nobody", "DestinationConfig": {"OnSuccess": {"Destination": ""}}},
            "InvalidParameterValueException",
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "simple string"}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            {"StartingPosition": "invalid"},
            "ValidationException",
            "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy "
            "constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        ),
    ],
)
def test_what_is_refused(account, request_, code, message):
    account.created()
    request = {"FunctionName": "greet", "EventSourceArn": queue(account), **request_}
    request = {name: what for name, what in request.items() if what is not None}
    refused = refusal(account.client().create_event_source_mapping, **request)
    assert refused == (400, code, message)


def test_a_second_mapping_of_the_same_kind_is_refused(account):
    account.created()
    created = mapped(account)
    refused = refusal(
        account.client().create_event_source_mapping,
        FunctionName="greet",
        EventSourceArn=queue(account),
    )
    assert refused == (
        409,
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {queue(account)} ") and function (" greet ") '
        f"already exists. Please update or delete the existing mapping with UUID {created['UUID']}",
    )


def test_mappings_are_listed_in_pages(account):
    account.created()
    client = account.client()
    created = {mapped(account, EventSourceArn=queue(account, f"q{n}"))["UUID"] for n in range(3)}
    pages = client.get_paginator("list_event_source_mappings").paginate(
        FunctionName="greet", PaginationConfig={"PageSize": 2}
    )
    assert {each["UUID"] for each in pages.search("EventSourceMappings[]")} == created
    one = client.list_event_source_mappings(EventSourceArn=queue(account, "q1"))
    assert len(one["EventSourceMappings"]) == 1
    assert client.list_event_source_mappings(FunctionName="nobody")["EventSourceMappings"] == []


def test_tags_of_a_mapping_with_something_behind_its_arn(account):
    arn = f"arn:aws:lambda:us-east-1:{account.id}:event-source-mapping:{uuid.uuid4()}:alias"
    refused = refusal(account.client().list_tags, Resource=arn)
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert "|layer:([a-zA-Z0-9-_]+)|" in refused.message
