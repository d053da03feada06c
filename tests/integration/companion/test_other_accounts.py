"""What is one account's, used by another: as the resource's policy says."""

from __future__ import annotations

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from tests.integration.companion.conftest import ACCOUNT

STRANGER = "222222222222"


@pytest.fixture
def bucket(companion):
    s3 = companion.client("s3")
    name = f"bucket-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="secret", Body=b"text")
    return name


@pytest.fixture
def theirs(companion):
    """S3 as the stranger has it, with a bucket of their own."""
    s3 = companion.client("s3", STRANGER)
    name = f"theirs-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return s3, name


@pytest.fixture
def topic_arn(companion):
    return companion.client("sns").create_topic(Name=f"t-{uuid.uuid4()}")["TopicArn"]


@pytest.fixture
def make_queue(companion):
    def make(account_id):
        sqs = companion.client("sqs", account_id)
        url = sqs.create_queue(QueueName=f"q-{uuid.uuid4()}")["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return sqs, url, asked["Attributes"]["QueueArn"]

    return make


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("get_object", {"Key": "secret"}),
        ("head_object", {"Key": "secret"}),
        ("put_object", {"Key": "new", "Body": b""}),
        ("put_object", {"Key": "secret", "Body": b""}),
        ("delete_object", {"Key": "secret"}),
        ("get_object_tagging", {"Key": "secret"}),
        ("create_multipart_upload", {"Key": "new"}),
        ("list_objects_v2", {}),
        ("get_bucket_acl", {}),
        ("put_bucket_policy", {"Policy": "{}"}),
        ("delete_bucket", {}),
    ],
)
def test_a_bucket_of_another_account_is_refused_without_its_policy(
    bucket, theirs, operation, arguments
):
    s3, _ = theirs
    assert code_of(getattr(s3, operation), Bucket=bucket, **arguments) in ("AccessDenied", "403")


def test_many_objects_of_another_account_are_not_deleted_at_once(companion, bucket, theirs):
    code_of(theirs[0].delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": "secret"}]})
    assert companion.client("s3").get_object(Bucket=bucket, Key="secret")["Body"].read() == b"text"


def test_an_object_of_another_account_is_not_copied(bucket, theirs):
    s3, own = theirs
    assert code_of(s3.copy_object, Bucket=own, Key="c", CopySource=f"{bucket}/secret") == (
        "AccessDenied"
    )


def test_a_bucket_policy_allows_what_it_names(companion, bucket, theirs):
    s3, own = theirs
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/sec*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    companion.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_object(Bucket=bucket, Key="secret")["Body"].read() == b"text"
    s3.copy_object(Bucket=own, Key="c", CopySource=f"{bucket}/secret")
    assert code_of(s3.get_object, Bucket=bucket, Key="other") == "AccessDenied"
    assert code_of(s3.put_object, Bucket=bucket, Key="secret", Body=b"") == "AccessDenied"
    within = {"Bucket": bucket, "Key": "secret2", "CopySource": f"{bucket}/secret"}
    assert code_of(s3.copy_object, **within) == "AccessDenied"


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("publish", {"Message": "forged"}),
        ("publish_batch", {"PublishBatchRequestEntries": [{"Id": "1", "Message": "forged"}]}),
        ("subscribe", {"Protocol": "email", "Endpoint": "a@example.com"}),
        ("get_topic_attributes", {}),
        ("set_topic_attributes", {"AttributeName": "DisplayName", "AttributeValue": "x"}),
        ("delete_topic", {}),
    ],
)
def test_a_topic_of_another_account_is_refused_without_its_policy(
    companion, topic_arn, operation, arguments
):
    sns = companion.client("sns", STRANGER)
    assert code_of(getattr(sns, operation), TopicArn=topic_arn, **arguments) == "AuthorizationError"


def test_a_topic_policy_allows_what_it_names(companion, topic_arn):
    named = {"Label": "l", "AWSAccountId": [STRANGER], "ActionName": ["Publish"]}
    companion.client("sns").add_permission(TopicArn=topic_arn, **named)
    sns = companion.client("sns", STRANGER)
    sns.publish(TopicArn=topic_arn, Message="x")
    entries = [{"Id": "1", "Message": "x"}]
    sns.publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=entries)
    assert code_of(sns.delete_topic, TopicArn=topic_arn) == "AuthorizationError"


def test_rules_send_to_queues_of_other_accounts_as_their_policies_say(companion, make_queue):
    own, own_url, own_arn = make_queue(STRANGER)
    sqs, url, arn = make_queue(ACCOUNT)
    events = companion.client("events", STRANGER)
    pattern = json.dumps({"source": ["mine"]})
    rule_arn = events.put_rule(Name="crossing", EventPattern=pattern)["RuleArn"]
    targets = [{"Id": "other", "Arn": arn}, {"Id": "own", "Arn": own_arn}]
    events.put_targets(Rule="crossing", Targets=targets)
    event = {"Source": "mine", "DetailType": "d", "Detail": "{}"}
    events.put_events(Entries=[event])
    assert own.receive_message(QueueUrl=own_url)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_events(Entries=[event])
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_events_in_the_name_of_a_service_are_refused_one_by_one(companion):
    forged = {"Source": "aws.s3", "DetailType": "Object Created", "Detail": "{}"}
    own = {"Source": "mine", "DetailType": "d", "Detail": "{}"}
    answer = companion.client("events").put_events(Entries=[forged, own])
    assert answer["FailedEntryCount"] == 1
    refused, taken = answer["Entries"]
    assert refused["ErrorCode"] == "NotAuthorizedForSourceException"
    assert taken["EventId"]
