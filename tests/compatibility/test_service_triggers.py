"""Services that invoke functions, all through one endpoint, with boto3."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.support.boto3_layer import publish_boto3
from tests.support.functions import deploy
from tests.support.server import running_server
from tests.support.waiting import eventually, wait_logged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.functions import Deployed
    from tests.support.server import RunningServer

ACCOUNT = "000000000000"
REGION = "us-east-1"
CODE = """
import json
import urllib.error
import urllib.request

def handler(event, context):
    print("EVENT " + json.dumps(event))
    if event.get("fail"):
        raise ValueError("as asked")
"""
LOOPING = """
import boto3

def handler(event, context):
    [record] = event["Records"]
    key = int(record["s3"]["object"]["key"]) + 1
    boto3.client("s3").put_object(Bucket="loop", Key=str(key), Body=b"")
"""
EVERYTHING = ["s3:ObjectCreated:*"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("triggers") / "data"
    with running_server(data, "--companion", "on", "--queue-time-factor", "60") as running:
        yield running


@pytest.fixture
def function(server: RunningServer) -> Iterator[Deployed]:
    made = deploy(server, CODE)
    yield made
    made.client.delete_function(FunctionName=made.name)


def arn_of(function: Deployed) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}"


def permit(function: Deployed, service: str, source_arn: str, **more: str) -> None:
    function.client.add_permission(
        FunctionName=function.name,
        StatementId=service.partition(".")[0],
        Action="lambda:InvokeFunction",
        Principal=service,
        SourceArn=source_arn,
        **more,
    )


def event_with(function: Deployed, text: str) -> Any:
    """The event that has that in it, once the function got it."""
    for message in wait_logged(function, text):
        if message.startswith("EVENT ") and text in message:
            return json.loads(message.removeprefix("EVENT "))
    raise AssertionError(text)


def notify(server: RunningServer, bucket: str, function: Deployed) -> None:
    server.client("s3").put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": arn_of(function), "Events": EVERYTHING}
            ]
        },
    )


def test_an_object_invokes_a_function(server: RunningServer, function: Deployed) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="invokes")
    permit(function, "s3.amazonaws.com", "arn:aws:s3:::invokes", SourceAccount=ACCOUNT)
    notify(server, "invokes", function)
    s3.put_object(Bucket="invokes", Key="photos/1.jpg", Body=b"jpeg")
    [record] = event_with(function, "photos/1.jpg")["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["s3"]["bucket"]["arn"] == "arn:aws:s3:::invokes"
    assert record["s3"]["bucket"]["ownerIdentity"] == {"principalId": ACCOUNT}


def test_a_function_that_writes_to_its_own_bucket_is_stopped(server: RunningServer) -> None:
    layer = publish_boto3(server.client())
    looping = deploy(server, LOOPING, Layers=[layer], Timeout=30, MemorySize=1769)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="loop")
    permit(looping, "s3.amazonaws.com", "arn:aws:s3:::loop")
    notify(server, "loop", looping)
    s3.put_object(Bucket="loop", Key="0", Body=b"")
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "RecursiveInvocationsDropped",
        "Dimensions": [{"Name": "FunctionName", "Value": looping.name}],
    }
    now = datetime.now(UTC)
    day = {"StartTime": now - timedelta(days=1), "EndTime": now + timedelta(days=1)}

    def dropped() -> Any:
        statistics = server.client("cloudwatch").get_metric_statistics(
            **metric, **day, Period=86400, Statistics=["Sum"]
        )
        return statistics["Datapoints"]

    assert sum(each["Sum"] for each in eventually(dropped, "the loop is stopped")) == 1
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="loop")["Contents"]]
    assert len(keys) == 17  # the first, and one of each of sixteen invocations


@pytest.mark.parametrize("source_arn", [None, "arn:aws:s3:::another"])
def test_a_bucket_without_permission_cannot_be_configured(
    server: RunningServer, function: Deployed, source_arn: str | None
) -> None:
    with contextlib.suppress(ClientError):  # it is there from the test before
        server.client("s3").create_bucket(Bucket="unpermitted")
    if source_arn:
        permit(function, "s3.amazonaws.com", source_arn)
    with pytest.raises(ClientError) as refused:
        notify(server, "unpermitted", function)
    assert refused.value.response["Error"] == {
        "Code": "InvalidArgument",
        "Message": "Unable to validate the following destination configurations",
        "ArgumentName1": f"{arn_of(function)}, null",
        "ArgumentValue1": f"Not authorized to invoke function [{arn_of(function)}]",
    }


def test_a_permission_that_is_gone_stops_events(server: RunningServer, function: Deployed) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="taken-back")
    permit(function, "s3.amazonaws.com", "arn:aws:s3:::taken-back")
    notify(server, "taken-back", function)
    function.client.remove_permission(FunctionName=function.name, StatementId="s3")
    s3.put_object(Bucket="taken-back", Key="unseen", Body=b"")
    permit(function, "s3.amazonaws.com", "arn:aws:s3:::taken-back")
    s3.put_object(Bucket="taken-back", Key="seen", Body=b"")
    assert event_with(function, '"seen"')
    assert not [message for message in wait_logged(function, '"seen"') if "unseen" in message]
    assert f"s3.amazonaws.com could not invoke {arn_of(function)}" in server.log.read_text()


def test_a_message_invokes_a_function_through_its_alias(
    server: RunningServer, function: Deployed
) -> None:
    function.client.publish_version(FunctionName=function.name)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    sns = server.client("sns")
    topic_arn = sns.create_topic(Name="invokes")["TopicArn"]
    permit(function, "sns.amazonaws.com", topic_arn, Qualifier="live")
    subscription_arn = sns.subscribe(
        TopicArn=topic_arn, Protocol="lambda", Endpoint=f"{arn_of(function)}:live"
    )["SubscriptionArn"]
    message_id = sns.publish(TopicArn=topic_arn, Message="hello", Subject="s")["MessageId"]
    [record] = event_with(function, message_id)["Records"]
    assert record["EventSubscriptionArn"] == subscription_arn
    assert (record["Sns"]["Message"], record["Sns"]["TopicArn"]) == ("hello", topic_arn)


def test_a_message_without_permission_goes_to_the_subscription_s_queue(
    server: RunningServer, function: Deployed
) -> None:
    sns, sqs = server.client("sns"), server.client("sqs")
    queue_url = sqs.create_queue(QueueName="sns-undelivered")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:sns-undelivered"
    topic_arn = sns.create_topic(Name="unpermitted")["TopicArn"]
    sns.subscribe(
        TopicArn=topic_arn,
        Protocol="lambda",
        Endpoint=arn_of(function),
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": queue_arn})},
    )
    sns.publish(TopicArn=topic_arn, Message="nobody's")
    [message] = sqs.receive_message(QueueUrl=queue_url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "nobody's"


def test_an_event_invokes_a_function(server: RunningServer, function: Deployed) -> None:
    events = server.client("events")
    rule_arn = events.put_rule(Name="invokes", EventPattern='{"source": ["shop"]}')["RuleArn"]
    permit(function, "events.amazonaws.com", rule_arn)
    transformer = {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"order": <id>}'}
    events.put_targets(
        Rule="invokes",
        Targets=[
            {"Id": "whole", "Arn": arn_of(function)},
            {"Id": "part", "Arn": arn_of(function), "InputTransformer": transformer},
        ],
    )
    entry = {"Source": "shop", "DetailType": "sale", "Detail": '{"id": "order-7"}'}
    [answer] = events.put_events(Entries=[entry])["Entries"]
    assert event_with(function, answer["EventId"])["detail"] == {"id": "order-7"}
    assert event_with(function, '{"order"') == {"order": "order-7"}


def test_an_event_can_go_to_a_log_group(server: RunningServer) -> None:
    events, logs = server.client("events"), server.client("logs")
    logs.create_log_group(logGroupName="/aws/events/audit")
    target = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/audit"
    events.put_rule(Name="audit", EventPattern='{"source": ["audited"]}')
    events.put_targets(Rule="audit", Targets=[{"Id": "logs", "Arn": target}])
    entry = {"Source": "audited", "DetailType": "d", "Detail": "{}"}
    [answer] = events.put_events(Entries=[entry])["Entries"]
    [kept] = logs.filter_log_events(logGroupName="/aws/events/audit")["events"]
    assert json.loads(kept["message"])["id"] == answer["EventId"]


def test_a_schedule_invokes_a_function(server: RunningServer, function: Deployed) -> None:
    events = server.client("events")
    rule_arn = events.put_rule(Name="often", ScheduleExpression="rate(1 minute)")["RuleArn"]
    permit(function, "events.amazonaws.com", rule_arn)
    events.put_targets(Rule="often", Targets=[{"Id": "f", "Arn": arn_of(function)}])
    event = event_with(function, "Scheduled Event")
    assert (event["source"], event["resources"]) == ("aws.events", [rule_arn])
    assert (event["account"], event["region"], event["detail"]) == (ACCOUNT, REGION, {})
    eventually(
        lambda: len(wait_logged(function, "EVENT")) > 1, "the schedule fires again", seconds=30
    )
    events.remove_targets(Rule="often", Ids=["f"])
    events.delete_rule(Name="often")


def test_a_function_that_fails_is_tried_again(server: RunningServer, function: Deployed) -> None:
    events = server.client("events")
    rule_arn = events.put_rule(Name="fails", EventPattern='{"source": ["bad"]}')["RuleArn"]
    permit(function, "events.amazonaws.com", rule_arn)
    target = {"Id": "f", "Arn": arn_of(function), "Input": '{"fail": true}'}
    events.put_targets(Rule="fails", Targets=[target])
    events.put_events(Entries=[{"Source": "bad", "DetailType": "d", "Detail": "{}"}])

    def runs() -> bool:
        messages = wait_logged(function, "EVENT")
        return sum(message.startswith("EVENT") for message in messages) == 3

    eventually(runs, "three tries", seconds=60)


def test_another_account_s_topic_needs_its_own_permission(
    server: RunningServer, function: Deployed
) -> None:
    sns = server.client("sns", account="111111111111")
    topic_arn = sns.create_topic(Name="foreign")["TopicArn"]
    assert ":111111111111:" in topic_arn
    sns.subscribe(TopicArn=topic_arn, Protocol="lambda", Endpoint=arn_of(function))
    permit(function, "sns.amazonaws.com", topic_arn)
    message_id = sns.publish(TopicArn=topic_arn, Message="from afar")["MessageId"]
    assert event_with(function, message_id)


def test_rotation_of_a_secret_waits_for_the_function(
    server: RunningServer, function: Deployed
) -> None:
    secrets = server.client("secretsmanager")
    secret = secrets.create_secret(Name="password", SecretString="old")
    permit(function, "secretsmanager.amazonaws.com", secret["ARN"])
    secrets.rotate_secret(SecretId="password", RotationLambdaARN=arn_of(function))
    assert event_with(function, "finishSecret")["SecretId"]
    messages = [each for each in wait_logged(function, "finishSecret") if "EVENT" in each]
    steps = [json.loads(each.removeprefix("EVENT "))["Step"] for each in messages]
    assert steps == ["createSecret", "setSecret", "testSecret", "finishSecret"]


def test_the_door_of_services_is_closed_to_everybody_else(server: RunningServer) -> None:

    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer guess"}):
        request = urllib.request.Request(
            f"{server.url}/_lambent/service-invocations", data=b"{}", headers=headers
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        refused.value.close()
        assert refused.value.code == 404
