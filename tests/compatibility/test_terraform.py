"""A function's whole life, and a stack of everything Lambda has beside it, with Terraform's AWS provider."""

from __future__ import annotations

import json
import re

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal
from tests.support.terraform import Workspace

FUNCTION = """
variable "greeting" {
  default = "hello"
}

resource "aws_cloudwatch_log_group" "greet" {
  name              = "/aws/lambda/tf-greet"
  retention_in_days = 7
  tags              = { team = "one" }
}

resource "aws_lambda_function" "greet" {
  function_name    = "tf-greet"
  role             = "arn:aws:iam::000000000000:role/lambda-role"
  runtime          = "python3.11"
  handler          = "lambda_function.handler"
  filename         = "greet.zip"
  source_code_hash = filebase64sha256("greet.zip")
  publish          = true
  timeout          = 20
  memory_size      = 1769
  tags             = { team = "one", greeting = var.greeting }
  depends_on       = [aws_cloudwatch_log_group.greet]

  environment {
    variables = { GREETING = var.greeting }
  }
}

data "aws_lambda_invocation" "greet" {
  function_name = aws_lambda_function.greet.function_name
  qualifier     = aws_lambda_function.greet.version
  input         = jsonencode({ name = "terraform" })
}

output "greeting" {
  value = jsondecode(data.aws_lambda_invocation.greet.result)
}

output "arn" {
  value = aws_lambda_function.greet.arn
}

output "qualified_arn" {
  value = aws_lambda_function.greet.qualified_arn
}

output "tags" {
  value = aws_lambda_function.greet.tags_all
}
"""
# All of it but the layer is changed by `var.change`.
STACK = """
variable "change" {
  default = 0
}

locals {
  queue = "arn:aws:sqs:us-east-1:000000000000:tf-queue"
}

resource "aws_lambda_layer_version" "library" {
  layer_name          = "tf-library"
  filename            = "layer.zip"
  compatible_runtimes = ["python3.11", "python3.12"]
}

resource "aws_lambda_code_signing_config" "signed" {
  description = "change ${var.change}"
  allowed_publishers {
    signing_profile_version_arns = [
      "arn:aws:signer:us-east-1:000000000000:/signing-profiles/tf_profile/abcdefghij"
    ]
  }
  policies {
    untrusted_artifact_on_deployment = "Warn"
  }
}

resource "aws_lambda_function" "worker" {
  function_name                  = "tf-worker"
  role                           = "arn:aws:iam::000000000000:role/lambda-role"
  runtime                        = "python3.11"
  handler                        = "lambda_function.handler"
  filename                       = "worker.zip"
  publish                        = true
  layers                         = [aws_lambda_layer_version.library.arn]
  code_signing_config_arn        = aws_lambda_code_signing_config.signed.arn
  reserved_concurrent_executions = 10 + var.change
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "change ${var.change}"
  function_name    = aws_lambda_function.worker.function_name
  function_version = aws_lambda_function.worker.version
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.worker.function_name
  qualifier      = aws_lambda_alias.live.name
  principal      = "s3.amazonaws.com"
  source_arn     = "arn:aws:s3:::tf-bucket-${var.change}"
  source_account = "000000000000"
}

resource "aws_lambda_provisioned_concurrency_config" "ready" {
  function_name                     = aws_lambda_function.worker.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = 1 + var.change
}

resource "aws_lambda_function_event_invoke_config" "retries" {
  function_name                = aws_lambda_function.worker.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_retry_attempts       = var.change
  maximum_event_age_in_seconds = 120
  destination_config {
    on_failure {
      destination = local.queue
    }
  }
}

resource "aws_lambda_function_url" "open" {
  function_name      = aws_lambda_function.worker.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"
  cors {
    allow_origins = ["https://example.com"]
    max_age       = 60 + var.change
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  function_name    = aws_lambda_alias.live.arn
  event_source_arn = local.queue
  batch_size       = 5 + var.change
  enabled          = false
}
"""
CODE = """
import os

def handler(event, context):
    return f"{os.environ['GREETING']} {event['name']} from {context.function_version}"
"""


@pytest.fixture
def workspace(tmp_path, account):
    workspace = Workspace.make(tmp_path, account.server, account.id)
    write_code(workspace, CODE)
    (tmp_path / "function.tf").write_text(FUNCTION)
    code = zipped({"lambda_function.py": "def handler(event, context):\n    return event\n"})
    (tmp_path / "worker.zip").write_bytes(code)
    (tmp_path / "layer.zip").write_bytes(zipped({"python/library.py": "VALUE = 1\n"}))
    (tmp_path / "stack.tf").write_text(STACK.replace("000000000000", account.id))
    workspace.run("init", "-input=false")
    return workspace


def write_code(workspace, code):
    package = zipped({"lambda_function.py": code})
    (workspace.directory / "greet.zip").write_bytes(package)


def outputs(workspace):
    return {
        name: each["value"] for name, each in json.loads(workspace.run("output", "-json")).items()
    }


def function_changed(said):
    """What an `apply` says it sets anew of the function: more than was edited, if answers are not what
    was asked.
    """
    (resource,) = re.findall(
        r"^  # aws_lambda_function\.greet will be updated.*?^    }", said, re.MULTILINE | re.DOTALL
    )
    return set(re.findall(r"^ {6}~ (\w+) += (?!.*known after apply)", resource, re.MULTILINE))


# The provider takes seconds of processor time for each command: there is one life of all of it.
@pytest.mark.timeout(300)
def test_all_is_applied_planned_without_changes_updated_and_destroyed(workspace, account):
    assert "Plan: 11 to add, 0 to change, 0 to destroy." in workspace.apply()
    made = outputs(workspace)
    assert made["greeting"] == "hello terraform from 1"
    assert made["arn"] == account.arn("tf-greet")
    assert made["qualified_arn"] == account.arn("tf-greet:1")
    workspace.run("plan", "-input=false", "-detailed-exitcode")  # 2 when something would change

    write_code(workspace, CODE.replace("from", "again from"))
    (workspace.directory / "terraform.tfvars").write_text('greeting = "goodbye"\nchange = 1\n')
    said = workspace.apply()
    # A permission cannot be changed, and is made anew.
    assert "Plan: 1 to add, 8 to change, 1 to destroy." in said
    assert function_changed(said) == {"source_code_hash", "tags", "tags_all"}
    check_changes(workspace, account)
    workspace.run("plan", "-input=false", "-detailed-exitcode")

    workspace.run("destroy", "-auto-approve", "-input=false", "-refresh=false")
    check_nothing_is_left(account)


def log_groups(account):
    prefix = "/aws/lambda/tf-greet"
    return account.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]


def check_changes(workspace, account):
    changed = outputs(workspace)
    assert changed["greeting"] == "goodbye terraform again from 2"
    assert changed["tags"] == {"team": "one", "greeting": "goodbye"}
    [group] = log_groups(account)
    assert group["retentionInDays"] == 7
    client = account.client()
    alias = client.get_alias(FunctionName="tf-worker", Name="live")
    assert alias["Description"] == "change 1"
    concurrency = client.get_function_concurrency(FunctionName="tf-worker")
    assert concurrency["ReservedConcurrentExecutions"] == 11


def check_nothing_is_left(account):
    client = account.client()
    for name in ("tf-greet", "tf-worker"):
        assert refusal(client.get_function, FunctionName=name).status == 404
    assert log_groups(account) == []
    assert client.list_event_source_mappings()["EventSourceMappings"] == []
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []
    assert client.list_layers()["Layers"] == []
