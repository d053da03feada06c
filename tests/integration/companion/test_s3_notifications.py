"""S3 events on their way to functions."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.integration.companion.conftest import ACCOUNT, FORBIDDEN, FUNCTION, SECRET

if TYPE_CHECKING:
    from tests.integration.companion.conftest import Companion

ALL = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]


def notified(companion: Companion, name: str, function_arn: str = FUNCTION, **options: Any) -> Any:
    """S3, with a bucket that tells the function everything."""
    s3 = companion.client("s3")
    s3.create_bucket(Bucket=name)
    configuration = {"Id": "all", "LambdaFunctionArn": function_arn, "Events": ALL}
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={"LambdaFunctionConfigurations": [configuration]},
        **options,
    )
    if not options:
        companion.server.next_call()  # the check of the configuration
    return s3


def test_an_event_has_the_members_that_aws_gives_it(companion: Companion) -> None:
    s3 = notified(companion, "members")
    s3.put_object(Bucket="members", Key="a/b c+ü.txt", Body=b"hi")
    [record] = companion.server.next_event()["Records"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("eventTime"))
    elements = record.pop("responseElements")
    assert re.fullmatch("[0-9A-F]{16}", elements["x-amz-request-id"])
    assert len(base64.b64decode(elements["x-amz-id-2"])) == 56
    assert re.fullmatch("[0-9A-F]{18}", record["s3"]["object"].pop("sequencer"))
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": f"AWS:{ACCOUNT}"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "all",
            "bucket": {
                "name": "members",
                "ownerIdentity": {"principalId": ACCOUNT},
                "arn": "arn:aws:s3:::members",
            },
            "object": {
                "key": "a/b+c%2B%C3%BC.txt",
                "size": 2,
                "eTag": "49f68a5c8493ec2c0bf489821c21fc3b",
            },
        },
    }


def test_a_call_says_who_calls_for_what(companion: Companion) -> None:
    s3 = notified(companion, "caller")
    s3.put_object(Bucket="caller", Key="k", Body=b"")
    call = companion.server.next_call()
    assert {name: call[name] for name in call if name not in ("payload", "trace_header")} == {
        "mode": "event",
        "service": "s3.amazonaws.com",
        "function_arn": FUNCTION,
        "source_arn": "arn:aws:s3:::caller",
        "source_account": ACCOUNT,
    }
    assert companion.server.secrets == {f"Bearer {SECRET}"}


def test_the_trace_of_a_request_goes_on(companion: Companion) -> None:
    s3 = notified(companion, "traced")
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:a87bd80c:1|68fd508a:5"
    s3.meta.events.register(
        "before-sign.s3.PutObject",
        lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", header),
    )
    s3.put_object(Bucket="traced", Key="k", Body=b"")
    assert companion.server.next_call()["trace_header"] == header


def test_an_object_s_end_has_neither_size_nor_tag(companion: Companion) -> None:
    s3 = notified(companion, "removed")
    s3.put_object(Bucket="removed", Key="k", Body=b"")
    companion.server.next_call()
    s3.delete_object(Bucket="removed", Key="k")
    [record] = companion.server.next_event()["Records"]
    assert record["eventName"] == "ObjectRemoved:Delete"
    assert record["s3"]["object"].keys() == {"key", "sequencer"}


def test_versions_are_named_and_delete_markers_told_of(companion: Companion) -> None:
    s3 = notified(companion, "versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket="versioned", Key="k", Body=b"")
    [record] = companion.server.next_event()["Records"]
    assert record["s3"]["object"]["versionId"] == put["VersionId"]
    deleted = s3.delete_object(Bucket="versioned", Key="k")
    [record] = companion.server.next_event()["Records"]
    assert record["eventName"] == "ObjectRemoved:DeleteMarkerCreated"
    assert record["s3"]["object"]["versionId"] == deleted["VersionId"]


def test_tags_that_an_object_comes_with_are_no_event_of_their_own(companion: Companion) -> None:
    s3 = notified(companion, "tagged")
    s3.put_object(Bucket="tagged", Key="k", Body=b"", Tagging="a=b")
    s3.put_object_tagging(
        Bucket="tagged", Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "d"}]}
    )
    names = [companion.server.next_event()["Records"][0]["eventName"] for _ in range(2)]
    assert names == ["ObjectCreated:Put", "ObjectTagging:Put"]


def test_a_function_that_s3_may_not_invoke_cannot_be_configured(companion: Companion) -> None:
    with pytest.raises(ClientError) as refused:
        notified(companion, "refused", FORBIDDEN)
    error = refused.value.response["Error"]
    assert error == {
        "Code": "InvalidArgument",
        "Message": "Unable to validate the following destination configurations",
        "ArgumentName1": f"{FORBIDDEN}, null",
        "ArgumentValue1": f"Not authorized to invoke function [{FORBIDDEN}]",
    }
    kept = companion.client("s3").get_bucket_notification_configuration(Bucket="refused")
    assert "LambdaFunctionConfigurations" not in kept


def test_validation_can_be_skipped_and_what_nobody_takes_is_gone(companion: Companion) -> None:
    s3 = notified(companion, "skipped", FORBIDDEN, SkipDestinationValidation=True)
    s3.put_object(Bucket="skipped", Key="k", Body=b"")
    assert companion.server.next_call()["mode"] == "event"
    assert companion.server.calls.empty()


def test_event_bridge_gets_its_own_form(companion: Companion) -> None:
    s3, events = companion.client("s3"), companion.client("events")
    s3.create_bucket(Bucket="bused")
    s3.put_bucket_notification_configuration(
        Bucket="bused", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    events.put_rule(Name="bused", EventPattern='{"source": ["aws.s3"]}')
    events.put_targets(Rule="bused", Targets=[{"Id": "f", "Arn": FUNCTION}])
    s3.put_object(Bucket="bused", Key="k", Body=b"hi")
    event = companion.server.next_event()
    events.disable_rule(Name="bused")
    assert (event["detail-type"], event["resources"]) == ("Object Created", ["arn:aws:s3:::bused"])
    detail = event["detail"]
    assert detail["object"].pop("sequencer")
    assert detail.pop("request-id")
    assert detail == {
        "version": "0",
        "bucket": {"name": "bused"},
        "object": {"key": "k", "size": 2, "etag": "49f68a5c8493ec2c0bf489821c21fc3b"},
        "requester": ACCOUNT,
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }
