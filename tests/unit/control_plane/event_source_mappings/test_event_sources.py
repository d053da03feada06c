from __future__ import annotations

import pytest

from lambent.control_plane.event_source_mappings.event_sources import (
    DOCUMENTDB,
    DYNAMODB,
    KINESIS,
    MQ,
    MSK,
    SELF_MANAGED_KAFKA,
    SQS,
    event_source,
    is_fifo,
)


@pytest.mark.parametrize(
    ("resource", "source"),
    [
        ("sqs:eu-central-1:123456789012:jobs", SQS),
        ("sqs:eu-central-1:123456789012:jobs.fifo", SQS),
        ("kinesis:eu-central-1:123456789012:stream/clicks", KINESIS),
        ("kinesis:eu-central-1:123456789012:stream/clicks/consumer/me:1700000000", KINESIS),
        ("dynamodb:eu-central-1:123456789012:table/items/stream/2026-01-31T12:00:00", DYNAMODB),
        ("kafka:eu-central-1:123456789012:cluster/main/0a0b-1", MSK),
        ("kafka:eu-central-1:123456789012:vpc-connection/210987654321/main/0a0b-1", MSK),
        ("mq:eu-central-1:123456789012:broker:main:b-0a0b", MQ),
        ("rds:eu-central-1:123456789012:cluster:documents", DOCUMENTDB),
        ("events:eu-central-1:123456789012:rule/mine", None),
        ("sqs:eu-central-1:123456789012:jobs/more", None),
        ("sqs:eu-central-1:123456789012:", None),
        ("kinesis:eu-central-1:123456789012:clicks", None),
        ("dynamodb:eu-central-1:123456789012:table/items", None),
        ("rds:eu-central-1:123456789012:db:documents", None),
    ],
)
def test_an_arn_says_what_it_is_of(resource, source):
    assert event_source(f"arn:aws:{resource}") is source


def test_kafka_of_ones_own_has_no_arn():
    assert event_source(None) is SELF_MANAGED_KAFKA


def test_queues_in_order_are_known_by_their_names():
    assert is_fifo("arn:aws:sqs:eu-central-1:123456789012:jobs.fifo")
    assert not is_fifo("arn:aws:sqs:eu-central-1:123456789012:jobs")
    assert not is_fifo("arn:aws:kinesis:eu-central-1:123456789012:stream/clicks.fifo")
    assert not is_fifo(None)
