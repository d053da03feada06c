from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lambent.control_plane.event_source_mappings.event_source_settings import (
    new_settings,
    updated_settings,
)
from lambent.control_plane.event_source_mappings.event_sources import event_source
from lambent.domain.errors import ServiceError

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:jobs"
STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/items/stream/2026-01-31T12:00:00.000"
CLUSTER = "arn:aws:kafka:eu-central-1:123456789012:cluster/main/0a0b0c0d-1"
BROKER = "arn:aws:mq:eu-central-1:123456789012:broker:main:b-0a0b0c0d"
DOCUMENTS = "arn:aws:rds:eu-central-1:123456789012:cluster:documents"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:broker-a1b2c3"
BASIC = {"Type": "BASIC_AUTH", "URI": SECRET}
OWN_KAFKA = {
    "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka:1000"]}},
    "SourceAccessConfigurations": [BASIC],
    "Topics": ["orders"],
}
DESTINATION = {"OnFailure": {"Destination": "arn:aws:sns:eu-central-1:123456789012:failed"}}


def new(arn=None, **request):
    if arn:
        request["EventSourceArn"] = arn
    source = event_source(arn)
    assert source is not None
    return new_settings(source, {"FunctionName": "echo", **request}, "the-uuid", NOW)


def updated(settings, arn=None, **request):
    source = event_source(arn)
    assert source is not None
    return updated_settings(source, arn, settings, {"UUID": "the-uuid", **request})


def refused(call, *arguments, **request):
    with pytest.raises(ServiceError) as caught:
        call(*arguments, **request)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


def test_kafka_of_ones_own():
    assert new(**OWN_KAFKA) == {
        **OWN_KAFKA,
        "BatchSize": 100,
        "StartingPosition": "TRIM_HORIZON",
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "the-uuid"},
    }


def test_managed_kafka():
    group = {"ConsumerGroupId": "ours"}
    settings = new(
        CLUSTER,
        Topics=["orders"],
        StartingPosition="LATEST",
        AmazonManagedKafkaEventSourceConfig=group,
    )
    assert settings == {
        "BatchSize": 100,
        "StartingPosition": "LATEST",
        "Topics": ["orders"],
        "AmazonManagedKafkaEventSourceConfig": group,
    }


def test_a_broker():
    said = {"Queues": ["orders"], "SourceAccessConfigurations": [BASIC]}
    assert new(BROKER, **said) == {**said, "BatchSize": 100}


def test_documents():
    said = {
        "DocumentDBEventSourceConfig": {"DatabaseName": "shop"},
        "SourceAccessConfigurations": [BASIC],
    }
    assert new(DOCUMENTS, **said) == {**said, "BatchSize": 100, "StartingPosition": "LATEST"}


@pytest.mark.parametrize(
    ("arn", "request_", "missing"),
    [
        (None, {**OWN_KAFKA, "SourceAccessConfigurations": []}, "sourceAccessConfigurations"),
        (None, {**OWN_KAFKA, "SelfManagedEventSource": {}}, "selfManagedEventSource"),
        (CLUSTER, {}, "topics"),
        (BROKER, {"SourceAccessConfigurations": [BASIC]}, "queues"),
        (BROKER, {"Queues": ["orders"]}, "sourceAccessConfigurations"),
        (DOCUMENTS, {"SourceAccessConfigurations": [BASIC]}, "documentDBEventSourceConfig"),
        (
            DOCUMENTS,
            {
                "SourceAccessConfigurations": [BASIC],
                "DocumentDBEventSourceConfig": {"CollectionName": "orders"},
            },
            "databaseName",
        ),
    ],
)
def test_what_a_source_needs(arn, request_, missing):
    message = refused(new, arn, **request_)
    assert message == f"Required '{missing}' parameter is missing."


@pytest.mark.parametrize("arn", [STREAM, TABLE])
def test_a_stream_needs_a_starting_position(arn):
    assert refused(new, arn) == (
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
        "constraint: Member must not be null."
    )


@pytest.mark.parametrize(
    ("arn", "request_", "message"),
    [
        (
            QUEUE,
            {"StartingPosition": "LATEST"},
            "StartingPosition is not valid for SQS event sources.",
        ),
        (
            TABLE,
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": NOW},
            f"Unsupported starting position for arn type: {TABLE}",
        ),
        (STREAM, {"StartingPosition": "AT_TIMESTAMP"}, "Need to specify a timestamp"),
        (
            STREAM,
            {"StartingPosition": "LATEST", "StartingPositionTimestamp": NOW},
            "StartingPositionTimestamp is for the StartingPosition AT_TIMESTAMP only.",
        ),
        (
            STREAM,
            {
                "StartingPosition": "AT_TIMESTAMP",
                "StartingPositionTimestamp": NOW + timedelta(seconds=1),
            },
            "StartingPositionTimestamp cannot be in the future.",
        ),
    ],
)
def test_positions_no_mapping_starts_from(arn, request_, message):
    assert refused(new, arn, **request_) == message


def test_large_batches_of_a_queue_are_gathered_for_a_time():
    message = (
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater "
        "than 10"
    )
    assert refused(new, QUEUE, BatchSize=11) == message
    settings = new(QUEUE, BatchSize=10_000, MaximumBatchingWindowInSeconds=1)
    assert settings["BatchSize"] == 10_000
    assert refused(updated, settings, QUEUE, MaximumBatchingWindowInSeconds=0) == message
    assert new(STREAM, StartingPosition="LATEST", BatchSize=10_000)["BatchSize"] == 10_000


def test_a_queue_in_order_has_small_batches_at_once():
    assert new(f"{QUEUE}.fifo", BatchSize=10)["BatchSize"] == 10
    refused(new, f"{QUEUE}.fifo", BatchSize=11)
    assert refused(new, f"{QUEUE}.fifo", MaximumBatchingWindowInSeconds=1) == (
        "Batching window is not supported for FIFO queues"
    )


def test_a_queue_is_scaled_in_one_way_only():
    pollers = {"MinimumPollers": 2}
    scaling = {"MaximumConcurrency": 2}
    refused(new, QUEUE, ScalingConfig=scaling, ProvisionedPollerConfig=pollers)
    settings = new(QUEUE, ScalingConfig=scaling)
    changed = updated(settings, QUEUE, ScalingConfig={}, ProvisionedPollerConfig=pollers)
    assert "ScalingConfig" not in changed
    assert changed["ProvisionedPollerConfig"] == {"MinimumPollers": 2, "MaximumPollers": 200}


def test_an_update_takes_away_what_it_says_nothing_for():
    settings = new(
        STREAM,
        StartingPosition="LATEST",
        DestinationConfig=DESTINATION,
        FilterCriteria={"Filters": [{"Pattern": '{"a": ["b"]}'}]},
    )
    changed = updated(
        settings,
        STREAM,
        DestinationConfig={"OnFailure": {"Destination": ""}},
        FilterCriteria={},
        FunctionResponseTypes=[],
    )
    assert changed == new(STREAM, StartingPosition="LATEST")
    assert settings["DestinationConfig"] == DESTINATION


def test_the_consumer_group_stays():
    settings = new(CLUSTER, Topics=["orders"])
    member = "AmazonManagedKafkaEventSourceConfig"
    assert updated(settings, CLUSTER, **{member: {}}) == settings
    assert updated(settings, CLUSTER, **{member: {"ConsumerGroupId": "the-uuid"}}) == settings
    refused(updated, settings, CLUSTER, **{member: {"ConsumerGroupId": "another"}})


def test_a_schema_registry_needs_pollers():
    registry = {
        "AmazonManagedKafkaEventSourceConfig": {
            "SchemaRegistryConfig": {"SchemaRegistryURI": "https://registry"}
        }
    }
    refused(new, CLUSTER, Topics=["orders"], **registry)
    settings = new(
        CLUSTER, Topics=["orders"], ProvisionedPollerConfig={"MinimumPollers": 1}, **registry
    )
    assert settings["AmazonManagedKafkaEventSourceConfig"] == {
        "ConsumerGroupId": "the-uuid",
        **registry["AmazonManagedKafkaEventSourceConfig"],
    }


def test_share_groups_have_no_positions_windows_or_endless_retries():
    queue = {**OWN_KAFKA, "SelfManagedKafkaEventSourceConfig": {"ConsumptionMode": "Queue"}}
    settings = new(**queue)
    assert "StartingPosition" not in settings
    assert settings["MaximumRetryAttempts"] == 0
    for said in (
        {"StartingPosition": "LATEST"},
        {"MaximumBatchingWindowInSeconds": 1},
        {"MaximumRetryAttempts": -1},
    ):
        refused(new, **queue, **said)
    refused(updated, settings, SelfManagedKafkaEventSourceConfig={"ConsumptionMode": "Stream"})


def test_a_broker_has_one_user_and_keeps_its_virtual_host():
    host = {"Type": "VIRTUAL_HOST", "URI": "/"}
    said = {"Queues": ["orders"], "SourceAccessConfigurations": [BASIC, host]}
    settings = new(BROKER, **said)
    for wrong in ([host], [BASIC, BASIC], [BASIC, host, host]):
        refused(new, BROKER, Queues=["orders"], SourceAccessConfigurations=wrong)
    refused(updated, settings, BROKER, SourceAccessConfigurations=[BASIC])
    other = {"Type": "BASIC_AUTH", "URI": f"{SECRET}4"}
    changed = updated(settings, BROKER, SourceAccessConfigurations=[other, host])
    assert changed["SourceAccessConfigurations"] == [other, host]
