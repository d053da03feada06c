"""Custom resources of the companion's CloudFormation, made by functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.server import running_server
from tests.support.stacks import events, failure, outputs, running_stack, settled
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import RunningServer

# Answers with urllib alone. What it is to do, the resource's own properties say.
BY_HAND = """
import json, urllib.request

def handler(event, context):
    print("EVENT " + json.dumps(event))
    asked = event["ResourceProperties"]
    if asked.get("Silent") == event["RequestType"]:
        return
    response = {
        "Status": "FAILED" if asked.get("Fail") == event["RequestType"] else "SUCCESS",
        "Reason": "as asked",
        "PhysicalResourceId": asked.get("Id", "thing"),
        "NoEcho": asked.get("Hidden") == "true",
        "Data": {"Greeting": "hello " + asked.get("Name", "")},
    }
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        response[name] = event[name]
    urllib.request.urlopen(urllib.request.Request(
        event["ResponseURL"], data=json.dumps(response).encode(), method="PUT",
        headers={"content-type": ""},
    )).close()
"""
PYTHON = """
import cfnresponse

def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Greeting": "from Python"}, "thing")
"""
NODE = """
const response = require("cfn-response");
exports.handler = (event, context) => {
  response.send(event, context, response.SUCCESS, { Greeting: "from Node.js" }, "thing");
};
"""
ROLE = "arn:aws:iam::000000000000:role/lambda-role"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("custom") / "data"
    with running_server(data, "--companion", "on") as running:
        yield running


def template(
    code: str = BY_HAND, runtime: str = "python3.12", kind: str = "Custom::Thing", **properties: Any
) -> str:
    return json.dumps(
        {
            "Resources": {
                "Function": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Runtime": runtime,
                        "Handler": "index.handler",
                        "Role": ROLE,
                        "Timeout": 30,
                        "Code": {"ZipFile": code},
                    },
                },
                "Thing": {
                    "Type": kind,
                    "Properties": {
                        "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
                        **properties,
                    },
                },
            },
            "Outputs": {
                "Greeting": {"Value": {"Fn::GetAtt": ["Thing", "Greeting"]}},
                "Id": {"Value": {"Ref": "Thing"}},
                "Function": {"Value": {"Ref": "Function"}},
            },
        }
    )


def requests(server: RunningServer, function: str, count: int) -> list[dict[str, Any]]:
    """What the function was asked, from the first, once that is so much."""
    logs = server.client("logs")

    def told() -> list[dict[str, Any]] | None:
        kept = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        said = [each["message"] for each in kept if each["message"].startswith("EVENT ")]
        found = [json.loads(each.removeprefix("EVENT ")) for each in said]
        return found if len(found) >= count else None

    found = eventually(told, f"{count} requests")
    assert found is not None
    assert len(found) == count
    return found


def update(server: RunningServer, name: str, body: str) -> dict[str, Any]:
    server.client("cloudformation").update_stack(StackName=name, TemplateBody=body)
    return settled(server, name)


@pytest.mark.parametrize("kind", ["Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_a_function_makes_a_resource(server: RunningServer, kind: str) -> None:
    body = template(kind=kind, Name="world", Count=3, Wanted=True)
    with running_stack(server, "made", body) as stack:
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        told = outputs(stack)
        assert (told["Greeting"], told["Id"]) == ("hello world", "thing")
        [event] = requests(server, told["Function"], 1)
    assert event["ResponseURL"].startswith("http")
    assert event["ResourceProperties"] == {
        "ServiceToken": event["ServiceToken"],
        "Name": "world",
        "Count": "3",
        "Wanted": "true",
    }
    assert event["StackId"] == stack["StackId"]
    assert (event["RequestType"], event["LogicalResourceId"]) == ("Create", "Thing")
    assert event["ResourceType"] == kind


def test_another_physical_id_has_the_former_resource_deleted(server: RunningServer) -> None:
    with running_stack(server, "changed", template(Id="a", Name="x")) as stack:
        function = outputs(stack)["Function"]
        same = update(server, "changed", template(Id="a", Name="y"))
        assert outputs(same)["Greeting"] == "hello y"
        created, updated = requests(server, function, 2)
        assert (created["RequestType"], "PhysicalResourceId" in created) == ("Create", False)
        assert (updated["RequestType"], updated["PhysicalResourceId"]) == ("Update", "a")
        other = update(server, "changed", template(Id="b", Name="z"))
        assert (other["StackStatus"], outputs(other)["Id"]) == ("UPDATE_COMPLETE", "b")
        told = requests(server, function, 4)[2:]
        assert [each["RequestType"] for each in told] == ["Update", "Delete"]
        assert told[0]["OldResourceProperties"]["Name"] == "y"
        assert told[1]["PhysicalResourceId"] == "a"
        assert told[1]["ResourceProperties"]["Name"] == "y"


def test_what_fails_is_rolled_back_with_its_reason(server: RunningServer) -> None:
    with running_stack(server, "failed", template(Id="a", Fail="Create")) as stack:
        assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
        assert "Message returned: as asked (RequestId: " in failure(server, "failed", "Thing")
        assert ("Thing", "DELETE_COMPLETE") in events(server, "failed")


def test_a_failed_change_is_taken_back(server: RunningServer) -> None:
    with running_stack(server, "back", template(Name="x")) as stack:
        now = update(server, "back", template(Name="y", Fail="Update"))
        assert now["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert outputs(now)["Greeting"] == "hello x"
        told = requests(server, outputs(stack)["Function"], 3)
        names = [each["ResourceProperties"]["Name"] for each in told]
        assert names == ["x", "y", "x"]


def test_no_response_in_time_is_a_failure(server: RunningServer) -> None:
    with running_stack(server, "silent", template(Silent="Create", ServiceTimeout=2)) as stack:
        assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
        assert "did not receive a response" in failure(server, "silent", "Thing")


def test_a_deletion_that_fails_is_told(server: RunningServer) -> None:
    api = server.client("cloudformation")
    api.create_stack(StackName="stays", TemplateBody=template(Fail="Delete"))
    settled(server, "stays")
    api.delete_stack(StackName="stays")
    assert settled(server, "stays")["StackStatus"] == "DELETE_FAILED"
    assert "as asked" in failure(server, "stays", "Thing")


def test_what_is_hidden_is_in_no_output(server: RunningServer) -> None:
    with running_stack(server, "hidden", template(Name="secret", Hidden=True)) as stack:
        assert outputs(stack)["Greeting"] == "****"
        assert outputs(stack)["Id"] == "thing"


@pytest.mark.parametrize(
    ("code", "runtime", "greeting"),
    [(PYTHON, "python3.12", "from Python"), (NODE, "nodejs22.x", "from Node.js")],
)
def test_code_in_a_template_has_the_module_to_answer_with(
    server: RunningServer, code: str, runtime: str, greeting: str
) -> None:
    with running_stack(server, "module", template(code, runtime)) as stack:
        assert outputs(stack)["Greeting"] == greeting


def test_a_topic_can_be_asked(server: RunningServer) -> None:
    sns, sqs = server.client("sns"), server.client("sqs")
    topic_arn = sns.create_topic(Name="asked")["TopicArn"]
    url = sqs.create_queue(QueueName="asked")["QueueUrl"]
    sns.subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:000000000000:asked",
        Attributes={"RawMessageDelivery": "true"},
    )
    properties = {"ServiceToken": topic_arn, "ServiceTimeout": 1}
    thing = {"Type": "Custom::Thing", "Properties": properties}
    server.client("cloudformation").create_stack(
        StackName="topic", TemplateBody=json.dumps({"Resources": {"Thing": thing}})
    )
    settled(server, "topic")
    [message, *_] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["RequestType"] == "Create"
