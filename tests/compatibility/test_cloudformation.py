"""Stacks whose Lambda resources are the server's, through its one endpoint."""

from __future__ import annotations

import json

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.stacks import (
    FUNCTION,
    delete,
    events,
    failure,
    outputs,
    running_stack,
    settled,
)

ALL_OF_THEM = f"""
Parameters:
  Size: {{Type: Number, Default: 256}}
  Secret: {{Type: String, NoEcho: true, Default: hunter2}}
Conditions:
  Never: !Equals [a, b]
Resources:
  Url:
    Type: AWS::Lambda::Url
    Properties: {{AuthType: NONE, TargetFunctionArn: !Ref Alias}}
  Alias:
    Type: AWS::Lambda::Alias
    Properties: {{Name: live, FunctionName: !Ref Function, FunctionVersion: !GetAtt Version.Version}}
  Version:
    Type: AWS::Lambda::Version
    Properties: {{FunctionName: !Ref Function}}
  Skipped: {{Type: AWS::SQS::Queue, Condition: Never}}
  Queue: {{Type: AWS::SQS::Queue}}
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Alias
      Principal: s3.amazonaws.com
  Asynchronous:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Function
      Qualifier: $LATEST
      MaximumRetryAttempts: "0"
      DestinationConfig: {{OnFailure: {{Destination: !GetAtt Queue.Arn}}}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{FunctionName: !Ref Function, EventSourceArn: !GetAtt Queue.Arn, Enabled: "false"}}
  Group:
    Type: AWS::Logs::LogGroup
    Properties: {{LogGroupName: !Sub "/aws/lambda/${{Function}}", RetentionInDays: 7}}
{FUNCTION}
      MemorySize: !Ref Size
      Timeout: "7"
      ReservedConcurrentExecutions: 2
      Tags: [{{Key: own, Value: tag}}]
      Environment: {{Variables: {{QUEUE: !GetAtt Queue.Arn, TEXT: !Sub "${{Queue.Arn}}!"}}}}
Outputs:
  Function: {{Value: !Ref Function}}
  FunctionArn: {{Value: !GetAtt Function.Arn}}
  Version: {{Value: !Ref Version}}
  Alias: {{Value: !Ref Alias}}
  Url: {{Value: !GetAtt Url.FunctionUrl}}
  Mapping: {{Value: !Ref Mapping}}
  Queue: {{Value: !GetAtt Queue.Arn}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("stacks")
    with running_server(directory / "data", "--companion", "on") as running:
        yield running


def test_a_stack_makes_functions_and_what_belongs_to_them(server):
    tags = [{"Key": "team", "Value": "one"}]
    with running_stack(server, "all-of-them", ALL_OF_THEM, Tags=tags) as stack:
        assert stack["StackStatus"] == "CREATE_COMPLETE", events(server, "all-of-them")
        assert "hunter2" not in str(stack["Parameters"])
        api, made = server.client(), outputs(stack)
        name = made["Function"]
        assert name.startswith("all-of-them-Function-")
        function = api.get_function(FunctionName=name)
        assert function["Tags"] == {"team": "one", "own": "tag"}
        assert function["Concurrency"] == {"ReservedConcurrentExecutions": 2}
        configuration = function["Configuration"]
        assert (configuration["MemorySize"], configuration["Timeout"]) == (256, 7)
        assert configuration["Environment"]["Variables"]["TEXT"] == f"{made['Queue']}!"
        assert made["Version"] == f"{made['FunctionArn']}:1"
        assert made["Alias"] == f"{made['FunctionArn']}:live"
        answer = api.invoke(FunctionName=made["Alias"], Payload=b'{"a":1}')
        assert json.load(answer["Payload"]) == {"a": 1}
        _check_what_belongs_to_it(server, made)
        happened = events(server, "all-of-them")
        assert happened[0] == ("all-of-them", "CREATE_IN_PROGRESS")
        assert happened[-1] == ("all-of-them", "CREATE_COMPLETE")
        assert happened.index(("Queue", "CREATE_COMPLETE")) < happened.index(
            ("Function", "CREATE_IN_PROGRESS")
        )
        assert not [each for each in happened if each[0] == "Skipped"]
    assert name not in str(api.list_functions()["Functions"])
    assert not api.list_event_source_mappings()["EventSourceMappings"]


def _check_what_belongs_to_it(server, made):
    api, name = server.client(), made["Function"]
    policy = json.loads(api.get_policy(FunctionName=name, Qualifier="live")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "s3.amazonaws.com"}
    config = api.get_function_event_invoke_config(FunctionName=name)
    assert config["MaximumRetryAttempts"] == 0
    assert config["DestinationConfig"]["OnFailure"] == {"Destination": made["Queue"]}
    assert api.get_event_source_mapping(UUID=made["Mapping"])["FunctionArn"] == made["FunctionArn"]
    url = api.get_function_url_config(FunctionName=name, Qualifier="live")
    assert url["FunctionUrl"] == made["Url"]
    groups = server.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")
    assert groups["logGroups"][0]["retentionInDays"] == 7


def test_an_update_changes_replaces_and_removes(server):
    cloudformation, api = server.client("cloudformation"), server.client()
    with running_stack(server, "updated", ALL_OF_THEM) as stack:
        name = outputs(stack)["Function"]
        changed = (
            ALL_OF_THEM.replace('Timeout: "7"', "Description: changed")
            .replace("  Version:\n", "  NextVersion:\n")
            .replace("!GetAtt Version.Version", "!GetAtt NextVersion.Version")
            .replace("!Ref Version", "!Ref NextVersion")
            .replace("s3.amazonaws.com", "sns.amazonaws.com")
            .replace("return event", "return 2")
        )
        size = [{"ParameterKey": "Size", "ParameterValue": "512"}]
        cloudformation.update_stack(StackName="updated", TemplateBody=changed, Parameters=size)
        stack = settled(server, "updated")
        assert stack["StackStatus"] == "UPDATE_COMPLETE", events(server, "updated")
        assert outputs(stack)["Function"] == name
        configuration = api.get_function_configuration(FunctionName=name)
        assert (configuration["MemorySize"], configuration["Timeout"]) == (512, 3)
        assert configuration["Description"] == "changed"
        versions = api.list_versions_by_function(FunctionName=name)["Versions"]
        assert [each["Version"] for each in versions] == ["$LATEST", "2"]
        assert api.invoke(FunctionName=f"{name}:live")["Payload"].read() == b"2"
        policy = json.loads(api.get_policy(FunctionName=name, Qualifier="live")["Policy"])
        assert [each["Principal"]["Service"] for each in policy["Statement"]] == [
            "sns.amazonaws.com"
        ]
        unchanged = [{"ParameterKey": "Size", "UsePreviousValue": True}]
        told = refusal(
            cloudformation.update_stack,
            StackName="updated",
            TemplateBody=changed,
            Parameters=unchanged,
        )
        assert told == (400, "ValidationError", "No updates are to be performed.")


def test_a_stack_that_cannot_be_made_is_rolled_back(server):
    broken = ALL_OF_THEM.replace('Timeout: "7"', "Timeout: 901")
    with running_stack(server, "broken", broken) as stack:
        assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
        assert "less than or equal to 900" in failure(server, "broken", "Function")
        assert events(server, "broken")[-3:] == [
            ("Queue", "DELETE_IN_PROGRESS"),
            ("Queue", "DELETE_COMPLETE"),
            ("broken", "ROLLBACK_COMPLETE"),
        ]
        assert not server.client("sqs").list_queues(QueueNamePrefix="broken").get("QueueUrls")
        told = refusal(
            server.client("cloudformation").update_stack, StackName="broken", TemplateBody=broken
        )
        assert "is in ROLLBACK_COMPLETE state and can not be updated" in told.message


def test_a_stack_that_cannot_be_made_is_left_or_deleted_where_that_is_asked_for(server):
    broken = ALL_OF_THEM.replace('Timeout: "7"', "Timeout: 901")
    with running_stack(server, "left", broken, OnFailure="DO_NOTHING") as stack:
        assert stack["StackStatus"] == "CREATE_FAILED"
        assert server.client("sqs").list_queues(QueueNamePrefix="left")["QueueUrls"]
    made = server.client("cloudformation").create_stack(
        StackName="gone", TemplateBody=broken, OnFailure="DELETE"
    )
    assert settled(server, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_an_update_that_fails_leaves_everything_as_it_was(server):
    cloudformation, api = server.client("cloudformation"), server.client()
    with running_stack(server, "kept", ALL_OF_THEM) as stack:
        name = outputs(stack)["Function"]
        failing = (
            ALL_OF_THEM.replace("MemorySize: !Ref Size", "MemorySize: 1024")
            .replace("s3.amazonaws.com", "sns.amazonaws.com")
            .replace("RetentionInDays: 7", "RetentionInDays: 8")  # not one of those there are
            .replace("return event", "return 2")
            .replace("  Url:\n", "  More: {Type: AWS::SQS::Queue}\n  Url:\n")
        )
        cloudformation.update_stack(StackName="kept", TemplateBody=failing)
        stack = settled(server, "kept")
        assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", events(server, "kept")
        assert outputs(stack)["Function"] == name
        assert api.get_function_configuration(FunctionName=name)["MemorySize"] == 256
        answer = api.invoke(FunctionName=name, Payload=b"3")
        assert answer["Payload"].read() == b"3"
        policy = api.get_policy(FunctionName=name, Qualifier="live")["Policy"]
        assert "s3.amazonaws.com" in policy
        assert "sns.amazonaws.com" not in policy
        assert "More" not in str(cloudformation.list_stack_resources(StackName="kept"))
        assert not server.client("sqs").list_queues(QueueNamePrefix="kept-More").get("QueueUrls")


def test_functions_layers_and_signing_from_a_bucket(server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="stack-code")
    function = zipped({"index.py": "import it\ndef handler(event, context):\n    return it.IT\n"})
    s3.put_object(Bucket="stack-code", Key="function.zip", Body=function)
    layer = zipped({"python/it.py": "IT = 'layered'\n"})
    s3.put_object(Bucket="stack-code", Key="layer.zip", Body=layer)
    template = """
Resources:
  Layer:
    Type: AWS::Lambda::LayerVersion
    Properties: {Content: {S3Bucket: stack-code, S3Key: layer.zip}}
  Shared:
    Type: AWS::Lambda::LayerVersionPermission
    Properties: {Action: lambda:GetLayerVersion, LayerVersionArn: !Ref Layer, Principal: "*"}
  Signing:
    Type: AWS::Lambda::CodeSigningConfig
    Properties:
      AllowedPublishers:
        SigningProfileVersionArns:
          - arn:aws:signer:us-east-1:000000000000:/signing-profiles/test/0123456789
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: from-bucket
      Runtime: python3.12
      Handler: index.handler
      Role: arn:aws:iam::000000000000:role/lambda-role
      Code: {S3Bucket: stack-code, S3Key: function.zip}
      Layers: [!Ref Layer]
Outputs:
  Signing: {Value: !GetAtt Signing.CodeSigningConfigId}
  Layer: {Value: !Ref Layer}
"""
    with running_stack(server, "bucket", template) as stack:
        assert stack["StackStatus"] == "CREATE_COMPLETE", events(server, "bucket")
        api = server.client()
        assert api.invoke(FunctionName="from-bucket")["Payload"].read() == b'"layered"'
        assert outputs(stack)["Signing"].startswith("csc-")
        policy = api.get_layer_version_policy(
            LayerName=outputs(stack)["Layer"].rpartition(":")[0], VersionNumber=1
        )
        assert "lambda:GetLayerVersion" in policy["Policy"]
    assert not api.list_layers()["Layers"]


def test_stacks_share_exports_and_keep_their_names_apart(server):
    exporting = f"""
Resources: {FUNCTION}
Outputs:
  Arn: {{Value: !GetAtt Function.Arn, Export: {{Name: shared-arn}}}}
"""
    importing = """
Resources:
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !ImportValue shared-arn
      Principal: events.amazonaws.com
"""
    with (
        running_stack(server, "exporting", exporting) as first,
        running_stack(server, "importing", importing) as second,
        running_stack(server, "same-export", exporting) as third,
    ):
        assert second["StackStatus"] == "CREATE_COMPLETE", events(server, "importing")
        policy = server.client().get_policy(FunctionName=outputs(first)["Arn"])["Policy"]
        assert "events.amazonaws.com" in policy
        assert third["StackStatus"] == "ROLLBACK_COMPLETE"
        exports = server.client("cloudformation").list_exports()["Exports"]
        assert [each["Value"] for each in exports] == [outputs(first)["Arn"]]
    assert not server.client("cloudformation").list_exports()["Exports"]


def test_nested_stacks_are_made_updated_and_deleted_with_theirs(server):
    inner = f"Resources: {FUNCTION}\nOutputs:\n  Name: {{Value: !Ref Function}}\n"
    s3 = server.client("s3")
    s3.create_bucket(Bucket="templates")
    for name, template in (("one", inner), ("two", inner.replace("return event", "return 2"))):
        s3.put_object(Bucket="templates", Key=name, Body=template.encode())
    outer = """
Resources:
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: https://s3.amazonaws.com/templates/one}
Outputs:
  Name: {Value: !GetAtt Inner.Outputs.Name}
"""
    cloudformation, api = server.client("cloudformation"), server.client()
    with running_stack(server, "outer", outer) as stack:
        name = outputs(stack)["Name"]
        assert api.invoke(FunctionName=name, Payload=b"1")["Payload"].read() == b"1"
        s3.put_object(Bucket="templates", Key="outer", Body=outer.replace("/one", "/two").encode())
        cloudformation.update_stack(StackName="outer", TemplateURL=f"{server.url}/templates/outer")
        assert settled(server, "outer")["StackStatus"] == "UPDATE_COMPLETE"
        assert api.invoke(FunctionName=name, Payload=b"1")["Payload"].read() == b"2"
    assert name not in str(api.list_functions()["Functions"])


def test_a_protected_stack_is_not_deleted(server):
    cloudformation = server.client("cloudformation")
    cloudformation.create_stack(
        StackName="protected",
        TemplateBody=f"Resources: {FUNCTION}",
        EnableTerminationProtection=True,
    )
    settled(server, "protected")
    told = refusal(cloudformation.delete_stack, StackName="protected")
    assert told.message == (
        "Stack [protected] cannot be deleted while TerminationProtection is enabled"
    )
    cloudformation.update_termination_protection(
        StackName="protected", EnableTerminationProtection=False
    )
    delete(server, "protected")
