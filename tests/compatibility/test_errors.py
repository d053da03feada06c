"""Refusals: what AWS refuses in AWS's words, what we do not have in ours, and no 500 for anybody."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.support.functions import zipped
from tests.support.http_requests import scope_header, send
from tests.support.refusals import refusal
from tests.support.server import ROLE

FUNCTIONS = "/2015-03-31/functions"
JSON_1_1 = {"Content-Type": "application/x-amz-json-1.1"}


def validation(value, member, constraint):
    return (
        400,
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: {constraint}",
    )


# Settings AWS refuses


@pytest.mark.parametrize(
    ("settings", "member", "constraint"),
    [
        (
            {"Role": "r1"},
            "role",
            "Member must satisfy regular expression pattern: "
            r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
        ),
        ({"Timeout": 0}, "timeout", "Member must have value greater than or equal to 1"),
        ({"Timeout": 901}, "timeout", "Member must have value less than or equal to 900"),
        ({"Timeout": 99999}, "timeout", "Member must have value less than or equal to 900"),
        ({"MemorySize": 127}, "memorySize", "Member must have value greater than or equal to 128"),
        (
            {"MemorySize": 10241},
            "memorySize",
            "Member must have value less than or equal to 10240",
        ),
        (
            {"Description": "d" * 257},
            "description",
            "Member must have length less than or equal to 256",
        ),
    ],
)
def test_values_out_of_bounds_are_named(account, settings, member, constraint):
    (value,) = settings.values()
    assert refusal(account.create, **settings) == validation(value, member, constraint)
    account.created()
    update = account.client().update_function_configuration
    assert refusal(update, FunctionName="greet", **settings) == validation(
        value, member, constraint
    )


@pytest.mark.parametrize(
    ("architectures", "value", "constraint"),
    [
        (["x86_64", "arm64"], "[x86_64, arm64]", "Member must have length less than or equal to 1"),
        (
            ["X86_64"],
            "[X86_64]",
            "Member must satisfy constraint: [Member must satisfy enum value set: "
            "[x86_64, arm64], Member must not be null]",
        ),
    ],
)
def test_architectures_that_are_none(account, architectures, value, constraint):
    refused = refusal(account.create, Architectures=architectures)
    assert refused == validation(value, "architectures", constraint)


@pytest.mark.parametrize("runtime", ["non-existent-runtime", "PYTHON3.9"])
def test_a_runtime_that_is_none(account, runtime):
    refused = refusal(account.create, Runtime=runtime)
    assert (refused.status, refused.code) == (400, "InvalidParameterValueException")
    assert refused.message == (
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum "
        "value set: [nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, "
        "nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, "
        "python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, "
        "nodejs18.x, provided.al2, java8.al2] or be a valid ARN"
    )


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
def test_a_zip_needs_runtime_and_handler(account, missing):
    settings = {"Runtime": "python3.11", "Handler": "lambda_function.handler"}
    del settings[missing]
    code = {"ZipFile": zipped({"lambda_function.py": ""})}
    create = account.client().create_function
    assert refusal(create, FunctionName="f", Role=ROLE, Code=code, **settings) == (
        400,
        "InvalidParameterValueException",
        "Runtime and Handler are mandatory parameters for functions created with deployment "
        "packages.",
    )


def test_what_is_missing_is_named(account):
    refused = refusal(account.client().create_function, FunctionName="f", Code={})
    assert refused == (
        400,
        "ValidationException",
        "1 validation error detected: Value null at 'role' failed to satisfy constraint: "
        "Member must not be null",
    )


# Environment variables


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT"])
def test_reserved_variables_are_refused(account, name):
    assert refusal(account.create, Environment={"Variables": {"MINE": "1", name: "2"}}) == (
        400,
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided contains reserved keys that are currently not supported for "
        f"modification. Reserved keys used in this request: {name}",
    )


@pytest.mark.parametrize("name", ["_HANDLER", "1ST", "A", "WITH SPACE", "A=B", ""])
def test_variables_are_named_as_a_shell_would(account, name):
    refused = refusal(account.create, Environment={"Variables": {name: "2"}})
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert "'environment.variables'" in refused.message


def test_variables_over_four_kilobytes_are_refused_with_what_was_measured(account):
    variables = {"SMALL": "ok", "LARGE": "x" * 4096}
    measured = json.dumps(variables, separators=(",", ":"))
    assert refusal(account.create, Environment={"Variables": variables}) == (
        400,
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment "
        f"variables you have provided exceeded the 4KB limit. String measured: {measured}",
    )


def test_variables_of_just_four_kilobytes_are_taken(account):
    variables = {"LARGE": "x" * (4096 - len('{"LARGE":""}'))}
    created = account.created(Environment={"Variables": variables})
    assert created["Environment"] == {"Variables": variables}
    updated = account.client().update_function_configuration
    over = {"LARGE": variables["LARGE"] + "x"}
    refused = refusal(updated, FunctionName="greet", Environment={"Variables": over})
    assert refused.code == "InvalidParameterValueException"


# What this release does not have


@pytest.mark.parametrize(
    ("settings", "member"),
    [
        ({"ImageConfig": {"Command": ["app.handler"]}}, "ImageConfig"),
        ({"DurableConfig": {"ExecutionTimeout": 60}}, "DurableConfig"),
        ({"Code": {"ImageUri": "image"}}, "Code.ImageUri"),
    ],
)
def test_a_setting_without_effect_is_refused_by_name(account, settings, member):
    refused = refusal(account.create, **settings)
    assert (refused.status, refused.code) == (400, "InvalidParameterValueException")
    assert refused.message.startswith(f"{member} is not available in this release of Lambent: ")


# Requests that are none


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/2015-03-31/nothing"),
        ("PATCH", f"{FUNCTIONS}/greet"),
        ("GET", "/bucket/key"),
        ("POST", "/"),
        ("GET", "/../../etc/passwd"),
        ("OPTIONS", FUNCTIONS),
    ],
)
def test_a_path_nobody_knows(server, method, path):
    answer = send(server, method, path, headers=scope_header("lambda"))
    assert answer.status == 404
    assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"
    assert answer.headers["x-amzn-requestid"]


@pytest.mark.parametrize("service", ["apigateway", "dynamodb", "sqs", "iam"])
def test_a_request_for_another_service_is_not_answered_as_ours(server, service):
    answer = send(server, "GET", FUNCTIONS, headers=scope_header(service))
    assert answer.status == 404
    assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"
    assert service in answer.document["message"]


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sts", "get_caller_identity"),
        ("iam", "list_roles"),
        ("s3", "list_buckets"),
        ("ec2", "describe_regions"),
        ("sqs", "list_queues"),
        ("dynamodb", "list_tables"),
    ],
)
def test_clients_of_other_services_are_told_what_is_served_here(server, service, operation):
    client = boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)()
    error = caught.value.response["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert f"the request is for {service}." in error["Message"]
    assert "aws_endpoint_url" in error["Message"]


def test_a_target_logs_does_not_know(server):
    headers = {**JSON_1_1, "X-Amz-Target": "Logs_20140328.Nothing"}
    answer = send(server, "POST", "/", b"{}", headers | scope_header("logs"))
    assert answer.status == 400
    assert answer.document["__type"] == "UnknownOperationException"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"text"', b"\xff\xfe", b'{"FunctionName": 1}', b'{"Code": []}', b"[" * 100_000],
)
def test_a_body_that_is_not_what_the_model_says(server, body):
    answer = send(server, "POST", FUNCTIONS, body, scope_header("lambda"))
    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] in ("SerializationException", "ValidationException")
    assert answer.document


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'{"logGroupName": {}}'])
def test_a_body_logs_cannot_read(server, body):
    headers = {**JSON_1_1, "X-Amz-Target": "Logs_20140328.CreateLogGroup"}
    answer = send(server, "POST", "/", body, headers | scope_header("logs"))
    assert answer.status == 400
    assert answer.document["__type"]


def test_an_error_has_the_headers_sdks_read(server):
    answer = send(server, "GET", f"{FUNCTIONS}/nobody", headers=scope_header("lambda"))
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert answer.document["Type"] == "User"
    assert answer.document["Message"].endswith(":function:nobody")
