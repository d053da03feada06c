from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambent.control_plane.event_source_mappings.event_source_members import as_answered, missing
from lambent.control_plane.event_source_mappings.event_sources import (
    DOCUMENTDB,
    DYNAMODB,
    KINESIS,
    MQ,
    MSK,
    SELF_MANAGED_KAFKA,
    SQS,
)
from lambent.domain.errors import ServiceError

SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:broker-a1b2c3"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:failed"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:failed"
EVERY = (SQS, KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA, MQ, DOCUMENTDB)


def refused(source, member, what):
    with pytest.raises(ServiceError) as caught:
        as_answered(source, member, what)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


def is_taken(source, member, what):
    try:
        as_answered(source, member, what)
    except ServiceError as error:
        return not error.message.startswith("Unsupported ")
    return True


@pytest.mark.parametrize(
    ("member", "what", "sources"),
    [
        ("BatchSize", 5, EVERY),
        ("MaximumBatchingWindowInSeconds", 5, EVERY),
        ("FilterCriteria", {"Filters": [{"Pattern": '{"a": ["b"]}'}]}, EVERY),
        ("ScalingConfig", {"MaximumConcurrency": 2}, (SQS,)),
        ("ProvisionedPollerConfig", {"MinimumPollers": 3}, (SQS, MSK, SELF_MANAGED_KAFKA)),
        (
            "FunctionResponseTypes",
            ["ReportBatchItemFailures"],
            (SQS, KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA),
        ),
        ("ParallelizationFactor", 2, (KINESIS, DYNAMODB)),
        ("TumblingWindowInSeconds", 60, (KINESIS, DYNAMODB)),
        ("BisectBatchOnFunctionError", True, (KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA)),
        ("MaximumRetryAttempts", 3, (KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA)),
        ("MaximumRecordAgeInSeconds", 60, (KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA)),
        (
            "DestinationConfig",
            {"OnFailure": {"Destination": QUEUE}},
            (KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA),
        ),
        (
            "MetricsConfig",
            {"Metrics": ["EventCount"]},
            (SQS, KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA),
        ),
        ("MetricsConfig", {"Metrics": ["KafkaMetrics"]}, (MSK, SELF_MANAGED_KAFKA)),
        ("LoggingConfig", {"SystemLogLevel": "INFO"}, (MSK, SELF_MANAGED_KAFKA)),
        ("Topics", ["orders"], (MSK, SELF_MANAGED_KAFKA)),
        ("Queues", ["orders"], (MQ,)),
        ("AmazonManagedKafkaEventSourceConfig", {"ConsumerGroupId": "us"}, (MSK,)),
        ("SelfManagedKafkaEventSourceConfig", {"ConsumerGroupId": "us"}, (SELF_MANAGED_KAFKA,)),
        ("SelfManagedEventSource", {"Endpoints": {}}, (SELF_MANAGED_KAFKA,)),
        ("DocumentDBEventSourceConfig", {"DatabaseName": "shop"}, (DOCUMENTDB,)),
        (
            "SourceAccessConfigurations",
            [{"Type": "BASIC_AUTH", "URI": SECRET}],
            (SELF_MANAGED_KAFKA, MQ, DOCUMENTDB),
        ),
        (
            "SourceAccessConfigurations",
            [{"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET}],
            (MSK, SELF_MANAGED_KAFKA),
        ),
        ("SourceAccessConfigurations", [{"Type": "IAM_AUTH"}], (SELF_MANAGED_KAFKA,)),
        ("SourceAccessConfigurations", [{"Type": "VIRTUAL_HOST", "URI": "/"}], (MQ,)),
    ],
)
def test_each_source_takes_its_own_settings(member, what, sources):
    assert tuple(source for source in EVERY if is_taken(source, member, what)) == sources


def test_the_words_of_a_refusal():
    end = "parameter for given event source mapping type."
    assert refused(SQS, "DestinationConfig", {}) == f"Unsupported DestinationConfig {end}"
    assert refused(SQS, "TumblingWindowInSeconds", 1) == (
        f"Unsupported 'tumblingWindowInSeconds' {end}"
    )
    assert missing("Topics").message == "Required 'topics' parameter is missing."
    assert missing("StartingPosition").message == (
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
        "constraint: Member must not be null."
    )


@pytest.mark.parametrize(
    "member",
    ["FilterCriteria", "MetricsConfig", "ProvisionedPollerConfig", "ScalingConfig"],
)
def test_what_says_nothing_is_nothing(member):
    assert as_answered(SQS, member, {}) is None


def test_lists_of_nothing_are_nothing():
    assert as_answered(SQS, "FilterCriteria", {"Filters": []}) is None
    assert as_answered(SQS, "MetricsConfig", {"Metrics": []}) is None
    assert as_answered(MQ, "SourceAccessConfigurations", []) is None
    assert as_answered(SQS, "KMSKeyArn", "") is None


@pytest.mark.parametrize("what", [{}, {"OnFailure": {}}, {"OnFailure": {"Destination": ""}}])
def test_a_destination_of_nothing_is_none(what):
    assert as_answered(KINESIS, "DestinationConfig", what) is None


@pytest.mark.parametrize("arn", [QUEUE, TOPIC, "arn:aws:s3:::failed"])
def test_failed_batches_go_to_queues_topics_and_buckets(arn):
    what = {"OnSuccess": {}, "OnFailure": {"Destination": arn}}
    assert as_answered(KINESIS, "DestinationConfig", what) == {"OnFailure": {"Destination": arn}}


@pytest.mark.parametrize(
    "what",
    [
        {"OnSuccess": {"Destination": QUEUE}},
        {"OnFailure": {"Destination": f"{QUEUE}.fifo"}},
        {"OnFailure": {"Destination": "arn:aws:events:eu-central-1:123456789012:event-bus/mine"}},
        {"OnFailure": {"Destination": "kafka://failed"}},
    ],
)
def test_failed_batches_of_streams_go_nowhere_else(what):
    refused(KINESIS, "DestinationConfig", what)


def test_failed_batches_of_kafka_go_to_topics_of_the_cluster_too():
    what = {"OnFailure": {"Destination": "kafka://failed"}}
    assert as_answered(MSK, "DestinationConfig", what) == what


@pytest.mark.parametrize("pattern", ["null", "simple string", '{"a": "b"}', '{"a": []}', ""])
def test_a_filter_is_an_event_pattern(pattern):
    message = refused(SQS, "FilterCriteria", {"Filters": [{"Pattern": pattern}]})
    assert message == "Invalid filter pattern definition."


def test_a_mapping_has_five_filters_at_most():
    filters = [{"Pattern": '{"a": ["b"]}'}] * 5
    assert as_answered(SQS, "FilterCriteria", {"Filters": filters}) == {"Filters": filters}
    refused(SQS, "FilterCriteria", {"Filters": [*filters, filters[0]]})


def test_a_key_nothing_is_encrypted_with_is_refused():
    key = "arn:aws:kms:eu-central-1:123456789012:key/mine"
    assert "not available in this release" in refused(SQS, "KMSKeyArn", key)


@pytest.mark.parametrize("age", [0, 1, 59])
def test_a_record_age_is_infinite_or_a_minute(age):
    assert refused(KINESIS, "MaximumRecordAgeInSeconds", age) == (
        "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)"
    )
    assert as_answered(KINESIS, "MaximumRecordAgeInSeconds", -1) == -1


@pytest.mark.parametrize(
    ("source", "what", "pollers"),
    [
        (SQS, {"MinimumPollers": 5}, (5, 200)),
        (SQS, {"MaximumPollers": 10_000}, (2, 10_000)),
        (MSK, {"MaximumPollers": 2000}, (1, 2000)),
        (MSK, {"MinimumPollers": 1, "MaximumPollers": 1}, (1, 1)),
    ],
)
def test_pollers_have_defaults(source, what, pollers):
    answered = as_answered(source, "ProvisionedPollerConfig", what)
    assert (answered["MinimumPollers"], answered["MaximumPollers"]) == pollers


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (SQS, {"MinimumPollers": 1}),
        (SQS, {"MinimumPollers": 5, "MaximumPollers": 4}),
        (SQS, {"MinimumPollers": 5, "PollerGroupName": "ours"}),
        (MSK, {"MaximumPollers": 2001}),
    ],
)
def test_pollers_have_limits(source, what):
    refused(source, "ProvisionedPollerConfig", what)


def test_access_to_a_source_needs_a_secret():
    refused(MQ, "SourceAccessConfigurations", [{"Type": "BASIC_AUTH"}])


def test_an_instant_is_kept_as_seconds():
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert as_answered(KINESIS, "StartingPositionTimestamp", moment) == moment.timestamp()
