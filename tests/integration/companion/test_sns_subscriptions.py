"""SNS messages on their way to functions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.integration.companion.conftest import ACCOUNT, FORBIDDEN, FUNCTION

if TYPE_CHECKING:
    from tests.integration.companion.conftest import Companion


def subscribed(
    companion: Companion, topic: str, function_arn: str = FUNCTION, **attributes: str
) -> tuple[Any, str, str]:
    """SNS, the topic's ARN and the subscription's."""
    sns = companion.client("sns")
    topic_arn = sns.create_topic(Name=topic)["TopicArn"]
    subscription = sns.subscribe(
        TopicArn=topic_arn, Protocol="lambda", Endpoint=function_arn, Attributes=attributes
    )
    return sns, topic_arn, subscription["SubscriptionArn"]


def test_an_event_has_the_members_that_aws_gives_it(companion: Companion) -> None:
    sns, topic_arn, subscription_arn = subscribed(companion, "members")
    attribute = {"DataType": "Number", "StringValue": "1"}
    message_id = sns.publish(
        TopicArn=topic_arn, Message="hello", Subject="s", MessageAttributes={"n": attribute}
    )["MessageId"]
    [record] = companion.server.next_event()["Records"]
    notification = record["Sns"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[0-9:]{8}\.\d{3}Z", notification.pop("Timestamp"))
    assert notification.pop("Signature")
    assert notification.pop("SigningCertUrl").startswith("https://sns.us-east-1.amazonaws.com/")
    assert record == {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": topic_arn,
            "Subject": "s",
            "Message": "hello",
            "SignatureVersion": "1",
            "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe"
            f"&SubscriptionArn={subscription_arn}",
            "MessageAttributes": {"n": {"Type": "Number", "Value": "1"}},
        },
    }


def test_a_message_without_a_subject_has_null(companion: Companion) -> None:
    sns, topic_arn, _ = subscribed(companion, "subjectless")
    sns.publish(TopicArn=topic_arn, Message="hello")
    assert companion.server.next_event()["Records"][0]["Sns"]["Subject"] is None


def test_a_call_says_who_calls_for_what(companion: Companion) -> None:
    sns, topic_arn, _ = subscribed(companion, "caller", f"{FUNCTION}:live")
    sns.publish(TopicArn=topic_arn, Message="hello")
    call = companion.server.next_call()
    assert (call["service"], call["source_arn"]) == ("sns.amazonaws.com", topic_arn)
    assert (call["function_arn"], call["source_account"]) == (f"{FUNCTION}:live", ACCOUNT)


def test_filter_policies_and_structures_are_kept(companion: Companion) -> None:
    sns, topic_arn, _ = subscribed(companion, "filtered", FilterPolicy='{"kind": ["wanted"]}')
    for kind in ("other", "wanted"):
        sns.publish(
            TopicArn=topic_arn,
            Message=json.dumps({"default": "for others", "lambda": f"for functions: {kind}"}),
            MessageStructure="json",
            MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
        )
    assert companion.server.next_event()["Records"][0]["Sns"]["Message"] == "for functions: wanted"
    assert companion.server.calls.empty()


def test_what_sns_may_not_deliver_goes_to_the_subscription_s_queue(companion: Companion) -> None:
    sqs = companion.client("sqs")
    queue_url = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:undelivered"
    policy = json.dumps({"deadLetterTargetArn": queue_arn})
    sns, topic_arn, _ = subscribed(companion, "forbidden", FORBIDDEN, RedrivePolicy=policy)
    message_id = sns.publish(TopicArn=topic_arn, Message="hello")["MessageId"]
    received = sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"])
    [message] = received["Messages"]
    body = json.loads(message["Body"])
    assert (body["Type"], body["MessageId"], body["Message"]) == (
        "Notification",
        message_id,
        "hello",
    )
    assert {"SigningCertURL", "UnsubscribeURL"} <= body.keys()


def test_what_is_no_function_is_not_subscribed(companion: Companion) -> None:
    sns = companion.client("sns")
    topic_arn = sns.create_topic(Name="no-function")["TopicArn"]
    for endpoint in ("greet", "arn:aws:sqs:us-east-1:123456789012:queue", f"{FUNCTION}:a:b"):
        with pytest.raises(ClientError, match="Lambda endpoint ARN") as caught:
            sns.subscribe(TopicArn=topic_arn, Protocol="lambda", Endpoint=endpoint)
        assert caught.value.response["Error"]["Code"] == "InvalidParameter"
    sns.subscribe(TopicArn=topic_arn, Protocol="lambda", Endpoint=f"{FUNCTION}:live")
