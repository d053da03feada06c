"""Destinations of real neighbours: what arrives there."""

from __future__ import annotations

import functools
import json

import pytest
from tests.support.neighbours import IMPLEMENTATIONS, running_neighbours
from tests.support.outcomes import REGION, REQUEST_ID, TRACE, delivery as delivery_of

from lambent.aws.clients import AwsClients, CallRefused, Endpoints, Unreachable
from lambent.aws.destinations import Destinations

ATTRIBUTES = {"RequestID": REQUEST_ID, "ErrorCode": "200", "ErrorMessage": "it failed"}

# Of a function in the account that neighbours take the tests' own access key for.
delivery = functools.partial(delivery_of, account_id="000000000000")


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def neighbours(request):
    with running_neighbours(request.param) as running:
        yield running


@pytest.fixture
def destinations(neighbours):
    with AwsClients.open(Endpoints(default=neighbours.url)) as clients:
        yield Destinations(clients)


@pytest.fixture
def queue(neighbours, request):
    """The queue's URL and ARN, and what comes into it."""
    sqs = neighbours.client("sqs")
    return Queue(sqs, request.node.name.replace("[", "-").replace("]", ""))


class Queue:
    def __init__(self, client, name):
        self.client = client
        self.url = client.create_queue(QueueName=name)["QueueUrl"]
        wanted = {"QueueUrl": self.url, "AttributeNames": ["QueueArn"]}
        self.arn = client.get_queue_attributes(**wanted)["Attributes"]["QueueArn"]

    def message(self):
        [message] = self.client.receive_message(
            QueueUrl=self.url, MessageAttributeNames=["All"], AttributeNames=["All"]
        )["Messages"]
        return message


async def problem_of(destinations, delivery):
    """What kept this one from being delivered."""
    [problem] = await destinations.send([delivery])
    return problem


async def test_a_message_arrives_with_attributes_and_trace(destinations, queue):
    assert (
        await problem_of(destinations, delivery(target_arn=queue.arn, attributes=ATTRIBUTES))
        is None
    )
    message = queue.message()
    assert message["Body"] == delivery().body.decode()
    assert message["Attributes"]["AWSTraceHeader"] == TRACE
    assert {
        name: (each["DataType"], each["StringValue"])
        for name, each in message["MessageAttributes"].items()
    } == {
        "RequestID": ("String", REQUEST_ID),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "it failed"),
    }


async def test_several_messages_arrive_with_attributes_and_traces(destinations, queue):
    several = [
        delivery(target_arn=queue.arn, attributes=ATTRIBUTES, body=b"%d" % number)
        for number in range(3)
    ]
    assert await destinations.send(several) == [None] * 3
    messages = [queue.message() for _ in several]
    assert sorted(each["Body"] for each in messages) == ["0", "1", "2"]
    assert {each["Attributes"]["AWSTraceHeader"] for each in messages} == {TRACE}
    assert {each["MessageAttributes"]["ErrorCode"]["StringValue"] for each in messages} == {"200"}


async def test_a_topics_subscribers_are_told_of_several(destinations, neighbours, queue):
    sns = neighbours.client("sns")
    topic = sns.create_topic(Name="many")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    several = [delivery(target_arn=topic, body=b"%d" % number) for number in range(3)]
    assert await destinations.send(several) == [None] * 3
    told = sorted(json.loads(queue.message()["Body"])["Message"] for _ in several)
    assert told == ["0", "1", "2"]


async def test_a_topics_subscribers_are_told(destinations, neighbours, queue):
    sns = neighbours.client("sns")
    topic = sns.create_topic(Name="failures")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    assert await problem_of(destinations, delivery(target_arn=topic, attributes=ATTRIBUTES)) is None
    told = json.loads(queue.message()["Body"])
    assert told["Message"] == delivery().body.decode()
    assert told["MessageAttributes"]["ErrorMessage"] == {"Type": "String", "Value": "it failed"}


async def test_a_bus_has_the_event_with_both_resources(destinations, neighbours, queue):
    events = neighbours.client("events")
    bus = events.create_event_bus(Name="records")["EventBusArn"]
    pattern = json.dumps({"source": ["lambda"]})
    events.put_rule(Name="all", EventBusName="records", EventPattern=pattern)
    events.put_targets(
        Rule="all", EventBusName="records", Targets=[{"Id": "queue", "Arn": queue.arn}]
    )
    assert await problem_of(destinations, delivery(target_arn=bus)) is None
    event = json.loads(queue.message()["Body"])
    assert event["source"] == "lambda"
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [bus, delivery().function_arn]
    assert event["detail"] == {"version": "1.0"}


async def test_a_bucket_has_the_record(destinations, neighbours):
    s3 = neighbours.client("s3")
    s3.create_bucket(Bucket="failures")
    assert await problem_of(destinations, delivery(target_arn="arn:aws:s3:::failures")) is None
    [found] = s3.list_objects_v2(Bucket="failures")["Contents"]
    content = s3.get_object(Bucket="failures", Key=found["Key"])
    assert content["Body"].read() == delivery().body
    assert content["ContentType"] == "application/json"


@pytest.mark.parametrize("service", ["sqs", "sns"])
async def test_what_is_not_there_refuses(destinations, service):
    arn = f"arn:aws:{service}:{REGION}:123456789012:gone"
    assert isinstance(await problem_of(destinations, delivery(target_arn=arn)), CallRefused)


async def test_a_queue_that_is_made_again_is_found_again(destinations, queue):
    assert await problem_of(destinations, delivery(target_arn=queue.arn)) is None
    name = queue.url.rpartition("/")[2]
    queue.client.delete_queue(QueueUrl=queue.url)
    assert isinstance(await problem_of(destinations, delivery(target_arn=queue.arn)), CallRefused)
    again = Queue(queue.client, name)
    assert await problem_of(destinations, delivery(target_arn=again.arn)) is None
    assert again.message()["Body"] == delivery().body.decode()


async def test_a_neighbour_that_is_not_there_is_unreachable():
    with AwsClients.open(Endpoints(default="http://127.0.0.1:1")) as clients:
        assert isinstance(await problem_of(Destinations(clients), delivery()), Unreachable)
