"""Recursive loops with another service between two invocations, and the traces that show them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.boto3_layer import publish_boto3
from tests.support.functions import deploy
from tests.support.server import running_server
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import RunningServer

LOOPING = """
import os
import boto3

def handler(event, context):
    topic_arn = os.environ["TOPIC_ARN"]
    boto3.client("sns").publish(TopicArn=topic_arn, Message="again")
"""
SENDING = """
import os
import boto3

def handler(event, context):
    sqs, url = boto3.client("sqs"), event["url"]
    sqs.send_message(QueueUrl=url, MessageBody="alone")
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "in a batch"}])
    boto3.client("sns").publish(TopicArn=event["topic"], Message="through a topic")
    return os.environ["_X_AMZN_TRACE_ID"]
"""
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("loops") / "data"
    with running_server(data, "--companion", "on") as running:
        yield running


@pytest.fixture(scope="module")
def layer(server: RunningServer) -> str:
    return publish_boto3(server.client())


def new_queue(server: RunningServer, name: str) -> tuple[str, str]:
    """Its URL and its ARN."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, told["Attributes"]["QueueArn"]


def traces(server: RunningServer, queue_url: str, count: int) -> dict[str, str | None]:
    """The traces of the messages in a queue, by what they say."""
    sqs, found = server.client("sqs"), {}

    def received() -> bool:
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, AttributeNames=["AWSTraceHeader"]
        )
        for each in answer.get("Messages", []):
            found[each["Body"]] = each.get("Attributes", {}).get("AWSTraceHeader")
        return len(found) >= count

    eventually(received, lambda: found)
    return found


def subscribe_queue(server: RunningServer, topic_arn: str, queue_arn: str) -> None:
    server.client("sns").subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint=queue_arn,
        Attributes={"RawMessageDelivery": "true"},
    )


def dropped(server: RunningServer, name: str) -> list[Any]:
    now = datetime.now(UTC)
    answer = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="RecursiveInvocationsDropped",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(days=1),
        Period=86400,
        Statistics=["Sum"],
    )
    points: list[Any] = answer["Datapoints"]
    return points


def test_a_function_that_publishes_to_its_own_topic_is_stopped(
    server: RunningServer, layer: str
) -> None:
    sns = server.client("sns")
    topic_arn = sns.create_topic(Name="loop")["TopicArn"]
    queue_url, queue_arn = new_queue(server, "rounds")
    looping = deploy(
        server,
        LOOPING,
        Layers=[layer],
        Timeout=30,
        MemorySize=1769,
        Environment={"Variables": {"TOPIC_ARN": topic_arn}},
    )
    function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{looping.name}"
    looping.client.add_permission(
        FunctionName=looping.name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic_arn,
    )
    sns.subscribe(TopicArn=topic_arn, Protocol="lambda", Endpoint=function_arn)
    subscribe_queue(server, topic_arn, queue_arn)
    sns.publish(TopicArn=topic_arn, Message="first")
    [point] = eventually(lambda: dropped(server, looping.name), "the loop is stopped")
    assert point["Sum"] == 1
    told = server.client("sqs").get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    # The first, and one of each of sixteen invocations.
    assert told["Attributes"]["ApproximateNumberOfMessages"] == "17"


def test_messages_that_a_function_sends_have_its_trace(server: RunningServer, layer: str) -> None:
    queue_url, queue_arn = new_queue(server, "traced")
    topic_arn = server.client("sns").create_topic(Name="traced")["TopicArn"]
    subscribe_queue(server, topic_arn, queue_arn)
    function = deploy(server, SENDING, Layers=[layer], Timeout=30, MemorySize=1769)
    answer = function.client.invoke(
        FunctionName=function.name, Payload=json.dumps({"url": queue_url, "topic": topic_arn})
    )
    trace = json.loads(answer["Payload"].read())
    assert "Lineage=1:" in trace
    assert traces(server, queue_url, 3) == {
        "alone": trace,
        "in a batch": trace,
        "through a topic": trace,
    }


def test_a_trace_that_a_message_names_stays(server: RunningServer) -> None:
    queue_url, _ = new_queue(server, "named")
    attributes = {"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}}
    server.client("sqs").send_message_batch(
        QueueUrl=queue_url,
        Entries=[
            {"Id": "a", "MessageBody": "plain"},
            {"Id": "b", "MessageBody": "named", "MessageSystemAttributes": attributes},
        ],
    )
    assert traces(server, queue_url, 2) == {"plain": None, "named": TRACE}


def test_an_event_s_trace_is_its_targets(server: RunningServer) -> None:
    queue_url, queue_arn = new_queue(server, "events")
    events = server.client("events")
    events.put_rule(Name="traced", EventPattern='{"source": ["shop"]}')
    events.put_targets(
        Rule="traced", Targets=[{"Id": "q", "Arn": queue_arn, "InputPath": "$.detail"}]
    )
    entry = {"Source": "shop", "DetailType": "sale"}
    answer = events.put_events(
        Entries=[
            entry | {"Detail": '{"order":1}'},
            entry | {"Detail": '{"order":2}', "TraceHeader": TRACE},
        ]
    )
    assert len(answer["Entries"]) == 2
    assert traces(server, queue_url, 2) == {'{"order":1}': None, '{"order":2}': TRACE}
