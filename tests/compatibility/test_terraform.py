"""A function's whole life with Terraform's AWS provider."""

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
    workspace.run("init", "-input=false")
    return workspace


def write_code(workspace, code):
    package = zipped({"lambda_function.py": code})
    (workspace.directory / "greet.zip").write_bytes(package)


def outputs(workspace):
    return {
        name: each["value"] for name, each in json.loads(workspace.run("output", "-json")).items()
    }


def settings_changed(said):
    """What an `apply` says it sets anew: more than was edited, if answers are not what was asked."""
    resources, _, _ = said.partition("Plan: ")
    return set(re.findall(r"^ {6}~ (\w+) += (?!.*known after apply)", resources, re.MULTILINE))


@pytest.mark.timeout(300)  # the provider takes seconds of processor time for each command
def test_a_function_is_applied_changed_and_destroyed(workspace, account):
    workspace.apply()
    made = outputs(workspace)
    assert made["greeting"] == "hello terraform from 1"
    assert made["arn"] == account.arn("tf-greet")
    assert made["qualified_arn"] == account.arn("tf-greet:1")

    write_code(workspace, CODE.replace("from", "again from"))
    (workspace.directory / "terraform.tfvars").write_text('greeting = "goodbye"\n')
    said = workspace.apply()
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in said
    assert settings_changed(said) == {"source_code_hash", "tags", "tags_all"}
    changed = outputs(workspace)
    assert changed["greeting"] == "goodbye terraform again from 2"
    assert changed["tags"] == {"team": "one", "greeting": "goodbye"}
    (group,) = account.client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 7

    workspace.run("destroy", "-auto-approve", "-input=false", "-refresh=false")
    assert refusal(account.client().get_function, FunctionName="tf-greet").status == 404
    assert account.client("logs").describe_log_groups()["logGroups"] == []
