"""`aws cloudformation deploy`: change sets, the serverless transform, and what triggers do."""

from __future__ import annotations

import pytest
from tests.support.aws_cli import Terminal
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.stacks import events, outputs, settled
from tests.support.waiting import eventually

TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Timeout: 5}}
Parameters:
  Greeting: {Type: String, Default: hello}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            source = event.get("source") or next(iter(event["Records"]))
            print("came from", source if isinstance(source, str) else sorted(source)[0:3])
      AutoPublishAlias: live
      Environment: {Variables: {GREETING: !Ref Greeting}}
      Policies: [AmazonS3ReadOnlyAccess]
      Events:
        Topic: {Type: SNS, Properties: {Topic: !Ref Topic}}
        Bucket: {Type: S3, Properties: {Bucket: !Ref Bucket, Events: s3:ObjectCreated:*}}
        Rule: {Type: EventBridgeRule, Properties: {Pattern: {source: [deploy.test]}}}
  Topic: {Type: AWS::SNS::Topic}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: deployed-bucket}}
Outputs:
  Function: {Value: !Ref Function}
  Topic: {Value: !Ref Topic}
"""
DEPLOY = "aws cloudformation deploy --stack-name app --template-file app.yaml"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("deploy")
    with running_server(directory / "data", "--companion", "on") as running:
        yield running


@pytest.mark.timeout(300)  # the CLI looks every thirty and every five seconds
def test_a_serverless_application_is_deployed_runs_and_is_deleted(server, tmp_path):
    terminal = Terminal(server=server, directory=tmp_path)
    (tmp_path / "app.yaml").write_text(TEMPLATE)
    assert "Successfully created/updated stack - app" in terminal.run(DEPLOY)
    made = outputs(settled(server, "app"))
    server.client("s3").put_object(Bucket="deployed-bucket", Key="k", Body=b"x")
    server.client("sns").publish(TopicArn=made["Topic"], Message="hi")
    server.client("events").put_events(
        Entries=[{"Source": "deploy.test", "DetailType": "d", "Detail": "{}"}]
    )
    eventually(lambda: len(_came(server, made["Function"])) == 3, "an event of each of the three")
    assert "No changes to deploy" in terminal.run(DEPLOY)
    terminal.run(f"{DEPLOY} --parameter-overrides Greeting=bye")
    configuration = server.client().get_function_configuration(FunctionName=made["Function"])
    assert configuration["Environment"]["Variables"] == {"GREETING": "bye"}
    server.client("s3").delete_object(Bucket="deployed-bucket", Key="k")
    terminal.run(
        "aws cloudformation delete-stack --stack-name app;"
        "aws cloudformation wait stack-delete-complete --stack-name app"
    )
    # A version that SAM publishes outlives its alias, but not its function.
    assert not server.client().list_functions()["Functions"]


def _came(server, function):
    logs = server.client("logs")
    try:
        found = logs.filter_log_events(
            logGroupName=f"/aws/lambda/{function}", filterPattern='"came from"'
        )
    except logs.exceptions.ResourceNotFoundException:
        return []
    return found["events"]


def test_a_change_set_is_only_looked_at_until_it_is_executed(server):
    cloudformation = server.client("cloudformation")
    template = "Resources:\n  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: looked-at}}\n"
    request = {"StackName": "changed", "TemplateBody": template, "ChangeSetName": "first"}
    cloudformation.create_change_set(**request, ChangeSetType="CREATE")
    described = cloudformation.describe_change_set(ChangeSetName="first", StackName="changed")
    assert described["Status"] == "CREATE_COMPLETE"
    assert described["Changes"][0]["ResourceChange"]["LogicalResourceId"] == "Queue"
    assert not server.client("sqs").list_queues(QueueNamePrefix="looked").get("QueueUrls")
    cloudformation.execute_change_set(ChangeSetName="first", StackName="changed")
    assert settled(server, "changed")["StackStatus"] == "CREATE_COMPLETE"
    assert server.client("sqs").list_queues(QueueNamePrefix="looked")["QueueUrls"]
    told = refusal(cloudformation.create_change_set, **request, ChangeSetType="CREATE")
    assert "already exists" in told.message
    told = refusal(cloudformation.execute_change_set, ChangeSetName="first", StackName="changed")
    assert "cannot be executed" in told.message
    assert events(server, "changed")[0] == ("changed", "REVIEW_IN_PROGRESS")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("Resources: {A: {Type: AWS::Nope::Thing}}", "Unrecognized resource types"),
        ("a: !!python/object/apply:os.getcwd []", "YAML not well-formed"),
        ("Resources: {A: {Type: AWS::Serverless::Function}}", "Unrecognized resource types"),
    ],
)
def test_a_template_that_is_none_is_refused_at_once(server, template, told):
    for call in ("create_stack", "validate_template"):
        name = {"StackName": "never"} if call == "create_stack" else {}
        refused = refusal(
            getattr(server.client("cloudformation"), call), **name, TemplateBody=template
        )
        assert (refused.status, refused.code) == (400, "ValidationError")
        assert told in refused.message
    assert "never" not in str(server.client("cloudformation").list_stacks())
