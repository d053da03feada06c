"""A stack of everything Lambda has beside a function, with Terraform's AWS provider."""

from __future__ import annotations

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal
from tests.support.terraform import Workspace

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


@pytest.fixture
def workspace(tmp_path, account):
    workspace = Workspace.make(tmp_path, account.server, account.id)
    code = zipped({"lambda_function.py": "def handler(event, context):\n    return event\n"})
    (tmp_path / "worker.zip").write_bytes(code)
    (tmp_path / "layer.zip").write_bytes(zipped({"python/library.py": "VALUE = 1\n"}))
    (tmp_path / "stack.tf").write_text(STACK.replace("000000000000", account.id))
    workspace.run("init", "-input=false")
    return workspace


@pytest.mark.timeout(300)  # the provider takes seconds of processor time for each command
def test_a_stack_is_applied_planned_without_changes_updated_and_destroyed(workspace, account):
    assert "Plan: 9 to add, 0 to change, 0 to destroy." in workspace.apply()
    workspace.run("plan", "-input=false", "-detailed-exitcode")  # 2 when something would change
    (workspace.directory / "terraform.tfvars").write_text("change = 1\n")
    # A permission cannot be changed, and is made anew.
    assert "Plan: 1 to add, 7 to change, 1 to destroy." in workspace.apply()
    workspace.run("plan", "-input=false", "-detailed-exitcode")
    client = account.client()
    alias = client.get_alias(FunctionName="tf-worker", Name="live")
    assert alias["Description"] == "change 1"
    concurrency = client.get_function_concurrency(FunctionName="tf-worker")
    assert concurrency["ReservedConcurrentExecutions"] == 11
    workspace.run("destroy", "-auto-approve", "-input=false")
    assert refusal(client.get_function, FunctionName="tf-worker").status == 404
    assert client.list_event_source_mappings()["EventSourceMappings"] == []
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []
    assert client.list_layers()["Layers"] == []
