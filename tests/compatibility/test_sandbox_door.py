"""Functions use AWS's SDK without any configuration, and may what their role may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.boto3_layer import publish_boto3
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.server import running_server
from tests.support.waiting import eventually

# Does the calls of its event one after the other, and gives what each answered.
CALLING = """
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def call(changed, service, operation, parameters):
    keys = [changed.get(name, os.environ.get(name)) for name in NAMES] if changed else []
    client = boto3.Session(*keys).client(service, config=CONFIG)
    try:
        answer = getattr(client, operation)(**parameters)
    except ClientError as error:
        return {"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    answer.pop("ResponseMetadata", None)
    for name, value in answer.items():
        if hasattr(value, "read"):
            answer[name] = value.read().decode()
    return json.loads(json.dumps(answer, default=str))


def handler(event, context):
    return {
        "answers": [call(event.get("variables"), *each) for each in event.get("calls", [])],
        "credentials": {name: os.environ.get(name) for name in NAMES},
        "arn": context.invoked_function_arn,
    }
"""
HELLO = "def handler(event, context):\n    return 'hello ' + event['name']\n"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One with its companion."""
    data_dir = tmp_path_factory.mktemp("door") / "data"
    with running_server(data_dir, "--companion", "on") as running:
        yield running


@pytest.fixture(scope="module")
def layer(server):
    return publish_boto3(server.client())


@pytest.fixture
def calling(server, layer):
    """A function that calls; with the role its caller names."""

    def make(role):
        made = deploy(server, CALLING, Layers=[layer], Timeout=60, **WHOLE_CPU)
        name = {"FunctionName": made.name}
        made.client.update_function_configuration(**name, Role=role)
        made.client.get_waiter("function_updated_v2").wait(
            **name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
        )
        return made

    return make


@pytest.fixture(scope="module")
def caller(server, layer):
    """One whose role nobody knows."""
    return deploy(server, CALLING, Layers=[layer], Timeout=60, **WHOLE_CPU)


@pytest.fixture(scope="module")
def hello(server):
    return deploy(server, HELLO, **WHOLE_CPU)


def answers(function, *calls, **event):
    return function.call({"calls": calls, **event})["answers"]


def test_a_function_uses_the_neighbours_without_any_configuration(server, caller):
    put, got, queue, sent = answers(
        caller,
        ("s3", "create_bucket", {"Bucket": "from-inside"}),
        ("s3", "put_object", {"Bucket": "from-inside", "Key": "a b/ä+~", "Body": "text"}),
        ("sqs", "create_queue", {"QueueName": "from-inside"}),
        ("s3", "get_object", {"Bucket": "from-inside", "Key": "a b/ä+~"}),
    )
    assert "code" not in put
    assert "code" not in got
    assert queue["QueueUrl"].endswith("/from-inside")
    assert sent["Body"] == "text"
    outside = server.client("s3").list_objects_v2(Bucket="from-inside")["Contents"]
    assert [each["Key"] for each in outside] == ["a b/ä+~"]


def test_a_function_invokes_another_in_its_account(caller, hello):
    [answer] = answers(
        caller, ("lambda", "invoke", {"FunctionName": hello.name, "Payload": '{"name": "you"}'})
    )
    assert answer["Payload"] == '"hello you"'


def test_a_function_is_its_role_in_a_session_of_its_own(caller):
    [identity] = answers(caller, ("sts", "get_caller_identity", {}))
    assert identity["Account"] == "000000000000"
    assert identity["Arn"] == f"arn:aws:sts::000000000000:assumed-role/lambda-role/{caller.name}"


def test_a_role_nobody_knows_may_not_look_around(caller, hello):
    refused = answers(
        caller,
        ("lambda", "get_function", {"FunctionName": hello.name}),
        ("lambda", "list_functions", {}),
        ("lambda", "update_function_code", {"FunctionName": hello.name, "ZipFile": b"".hex()}),
        ("logs", "filter_log_events", {"logGroupName": f"/aws/lambda/{hello.name}"}),
        ("logs", "describe_log_groups", {}),
        ("cloudwatch", "list_metrics", {"Namespace": "AWS/Lambda"}),
        ("iam", "create_role", {"RoleName": "mine", "AssumeRolePolicyDocument": TRUST}),
        ("cloudformation", "create_stack", {"StackName": "mine", "TemplateBody": "{}"}),
    )
    assert {each["code"] for each in refused} <= {"AccessDeniedException", "AccessDenied"}
    arn = hello.client.get_function_configuration(FunctionName=hello.name)["FunctionArn"]
    assert refused[0]["message"] == (
        f"User: arn:aws:sts::000000000000:assumed-role/lambda-role/{caller.name} is not authorized "
        f"to perform: lambda:GetFunction on resource: {arn} because no identity-based policy "
        "allows the lambda:GetFunction action"
    )


def test_another_account_is_not_reached(server, caller):
    other = server.client(account="700000000001")
    assert other.list_functions()["Functions"] == []
    arn = "arn:aws:lambda:us-east-1:700000000001:function:any"
    [answer] = answers(caller, ("lambda", "invoke", {"FunctionName": arn}))
    assert answer["code"] == "AccessDeniedException"


def test_a_role_in_iam_says_what_its_functions_may_do(server, calling, hello):
    iam = server.client("iam")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    arn = hello.client.get_function_configuration(FunctionName=hello.name)["FunctionArn"]
    statements = [
        {"Effect": "Allow", "Action": "lambda:Get*", "Resource": arn},
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"},
        {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": arn},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="reader", PolicyName="reads", PolicyDocument=document)
    name = {"FunctionName": hello.name}
    found, listed, denied = answers(
        calling(role),
        ("lambda", "get_function_configuration", name),
        ("lambda", "list_functions", {}),
        ("lambda", "invoke", name),
    )
    assert found["FunctionArn"] == arn
    assert listed["code"] == "AccessDeniedException"
    assert denied["message"].endswith("with an explicit deny in an identity-based policy")


def test_credentials_are_their_environment_s_and_end_with_it(server, layer, caller):
    first, second = deploy(server, CALLING, Layers=[layer], Timeout=60, **WHOLE_CPU), caller
    kept = first.call()["credentials"]
    whoami: Any = ("sts", "get_caller_identity", {})
    for function, code in ((first, None), (second, "InvalidClientTokenId")):
        [answer] = answers(function, whoami, variables=kept)
        assert answer.get("code") == code
    first.client.delete_function(FunctionName=first.name)

    def has_ended():
        [refused] = answers(second, whoami, variables=kept)
        return refused["code"] == "ExpiredToken"

    eventually(has_ended, "credentials that have ended")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"AWS_ACCESS_KEY_ID": "ASIAAAAAAAAAAAAAAAAA"}, "UnrecognizedClientException"),
        ({"AWS_SESSION_TOKEN": "other"}, "UnrecognizedClientException"),
        ({"AWS_SECRET_ACCESS_KEY": "other"}, "InvalidSignatureException"),
    ],
)
def test_credentials_that_are_not_ours_open_nothing(caller, changed, code):
    [answer] = answers(caller, ("lambda", "list_functions", {}), variables=changed)
    assert answer["code"] == code


def test_what_is_restored_from_a_snapshot_asks_for_credentials_of_its_own(server, layer):
    made = deploy(
        server,
        CALLING,
        runtime="python3.12",
        Layers=[layer],
        Timeout=60,
        SnapStart={"ApplyOn": "PublishedVersions"},
        **WHOLE_CPU,
    )
    name = {"FunctionName": made.name}
    version = made.client.publish_version(**name)["Version"]
    made.client.get_waiter("published_version_active").wait(
        **name, Qualifier=version, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    calls: Any = [("sts", "get_caller_identity", {})]
    told = made.call({"calls": calls}, Qualifier=version)
    assert told["answers"][0]["Arn"].endswith(f"/{made.name}")
    assert set(told["credentials"].values()) == {None}
