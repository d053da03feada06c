from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:jobs"
STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/items/stream/2026-01-31T12:00:00.000"
CLUSTER = "arn:aws:kafka:eu-central-1:123456789012:cluster/main/0a0b0c0d-1"
BROKER = "arn:aws:mq:eu-central-1:123456789012:broker:main:b-0a0b0c0d"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:broker-a1b2c3"
CREDENTIALS = [{"Type": "BASIC_AUTH", "URI": SECRET}]


def kafka(*brokers, topic="orders"):
    return {
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": list(brokers)}},
        "SourceAccessConfigurations": CREDENTIALS,
        "Topics": [topic],
    }


async def mapped(api, **request):
    return await api("CreateEventSourceMapping", **{"FunctionName": "echo", **request})


async def conflict(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == "ResourceConflictException"
    return caught.value.message


def advice(created):
    return (
        f" already exists. Please update or delete the existing mapping with UUID {created['UUID']}"
    )


async def test_a_queue_has_one_mapping_for_each_function(api):
    await api.create(Publish=True)
    created = await mapped(api, EventSourceArn=QUEUE)
    for name in ("echo", "echo:$LATEST"):
        message = await conflict(mapped(api, EventSourceArn=QUEUE, FunctionName=name))
        assert message == (
            f'An event source mapping with SQS arn (" {QUEUE} ") and function (" {name} ")'
            + advice(created)
        )
    await mapped(api, EventSourceArn=QUEUE, FunctionName="echo:1")


@pytest.mark.parametrize("stream", [STREAM, TABLE])
async def test_a_stream_has_one_mapping_for_each_function(api, stream):
    await api.create()
    created = await mapped(api, EventSourceArn=stream, StartingPosition="LATEST")
    message = await conflict(
        mapped(api, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", Enabled=False)
    )
    assert message == (
        f'The event source arn (" {stream} ") and function (" echo ") provided mapping'
        + advice(created)
    )


async def test_kafka_of_ones_own_is_known_by_any_broker_and_the_topic(api):
    await api.create()
    created = await mapped(api, **kafka("kafka:1000"))
    for brokers in (("kafka:1000",), ("other:1000", "kafka:1000")):
        message = await conflict(mapped(api, **kafka(*brokers)))
        assert message == (
            f'An event source mapping with event source ("{",".join(brokers)}"), '
            f'function ("{FUNCTION}"), topics ("orders")' + advice(created)
        )
    await mapped(api, **kafka("kafka:1000", topic="invoices"))
    await mapped(api, **kafka("elsewhere:1000"))


async def test_topics_and_queues_of_one_broker_are_sources_of_their_own(api):
    await api.create()
    created = await mapped(api, EventSourceArn=CLUSTER, Topics=["orders"])
    await mapped(api, EventSourceArn=CLUSTER, Topics=["invoices"])
    message = await conflict(mapped(api, EventSourceArn=CLUSTER, Topics=["orders"]))
    assert message == (
        f'An event source mapping with event source ("{CLUSTER}"), function ("{FUNCTION}"), '
        'topics ("orders")' + advice(created)
    )
    queue = {"EventSourceArn": BROKER, "SourceAccessConfigurations": CREDENTIALS}
    await mapped(api, **queue, Queues=["orders"])
    await mapped(api, **queue, Queues=["invoices"])
    assert 'queues ("orders")' in await conflict(mapped(api, **queue, Queues=["orders"]))


async def test_an_update_makes_no_second_mapping_for_a_function(api):
    await api.create()
    await api.create("other")
    created = await mapped(api, EventSourceArn=QUEUE)
    other = await mapped(api, EventSourceArn=QUEUE, FunctionName="other")
    message = await conflict(
        api("UpdateEventSourceMapping", UUID=other["UUID"], FunctionName="echo")
    )
    assert created["UUID"] in message


async def test_accounts_do_not_meet(api):
    await api.create()
    await mapped(api, EventSourceArn=QUEUE)
    foreign = api.of(account_id="000000000000")
    await foreign.create()
    await mapped(foreign, EventSourceArn=QUEUE)
