"""Code from S3, variables under a key of KMS, and networks, as boto3 meets them."""

from __future__ import annotations

import contextlib
import io
import sqlite3

import pytest
from tests.support.functions import zipped
from tests.support.neighbours import running_neighbours
from tests.support.refusals import refusal
from tests.support.server import ROLE, running_server

from lambent.domain.quotas import UNZIPPED_BYTES

INVALID = "InvalidParameterValueException"
CODE = zipped(
    {"index.py": "import os\ndef handler(event, context):\n    return os.environ['SECRET']\n"}
)
ACCESS_POINT = (
    "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
)


@pytest.fixture(scope="module")
def neighbours():
    with running_neighbours() as running:
        running.client("s3").create_bucket(Bucket="code")
        running.client("s3").upload_fileobj(io.BytesIO(CODE), "code", "/echo.zip")
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, neighbours):
    directory = tmp_path_factory.mktemp("neighbours")
    settings = {
        "aws-endpoint-url": neighbours.url,
        "subnets": "subnet-1=vpc-1",
        "security-groups": "sg-1=vpc-1",
        "access-points": f"{ACCESS_POINT}={directory}",
    }
    options = [text for name, value in settings.items() for text in (f"--{name}", value)]
    with running_server(directory / "data", *options) as running:
        yield running


@pytest.fixture
def create(server):
    client = server.client()
    made = []

    def create_function(name, **request):
        answer = client.create_function(
            FunctionName=name,
            **{
                "Runtime": "python3.12",
                "Role": ROLE,
                "Handler": "index.handler",
                "Code": {"S3Bucket": "code", "S3Key": "/echo.zip"},
                **request,
            },
        )
        made.append(name)
        client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.05}
        )
        return answer

    yield create_function
    for name in made:
        client.delete_function(FunctionName=name)


def test_code_and_layers_come_from_s3(server, create, neighbours):
    client = server.client()
    created = create("from-s3", Environment={"Variables": {"SECRET": "s"}})
    assert created["CodeSize"] == len(CODE)
    assert client.invoke(FunctionName="from-s3")["Payload"].read() == b'"s"'
    layer = client.publish_layer_version(
        LayerName="from-s3", Content={"S3Bucket": "code", "S3Key": "/echo.zip"}
    )
    assert layer["Content"]["CodeSha256"] == created["CodeSha256"]
    source = {"S3Bucket": "code", "S3Key": "none"}
    assert refusal(client.update_function_code, FunctionName="from-s3", **source) == (
        400,
        INVALID,
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The "
        "specified key does not exist.",
    )


def test_an_object_may_be_as_large_as_what_a_function_unzips_to(server, create, neighbours):
    bucket = neighbours.client("s3")
    for name, size in (("large", UNZIPPED_BYTES - 1000), ("too-large", UNZIPPED_BYTES)):
        archive = zipped({"index.py": "#" * size})
        bucket.upload_fileobj(io.BytesIO(archive), "code", f"{name}.zip")
    create("large", Code={"S3Bucket": "code", "S3Key": "large.zip"})
    told = refusal(create, "too-large", Code={"S3Bucket": "code", "S3Key": "too-large.zip"})
    assert told.message == f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes"


def test_variables_are_under_the_customers_key_until_a_function_starts(server, create, neighbours):
    client, keys = server.client(), neighbours.client("kms")
    key = keys.create_key()["KeyMetadata"]["Arn"]
    environment = {"Variables": {"SECRET": "hunter2"}}
    created = create("sealed", KMSKeyArn=key, Environment=environment)
    assert (created["KMSKeyArn"], created["Environment"]) == (key, environment)
    assert client.invoke(FunctionName="sealed")["Payload"].read() == b'"hunter2"'
    with contextlib.closing(sqlite3.connect(server.data_dir / "lambent.sqlite3")) as database:
        kept = "".join(database.iterdump())
    assert key in kept
    assert "hunter2" not in kept


def test_a_key_that_is_not_there_is_refused(create, neighbours):
    key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    told = refusal(create, "no-key", KMSKeyArn=key)
    assert told.code == INVALID
    assert "is invalid for CreateGrant" in told.message
    assert "KMS Exception: NotFoundException" in told.message


def test_networks_and_file_systems_are_those_of_the_settings(server, create):
    attached = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    mounted = [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/shared"}]
    created = create("attached", VpcConfig=attached, FileSystemConfigs=mounted)
    assert created["VpcConfig"] == {
        **attached,
        "VpcId": "vpc-1",
        "Ipv6AllowedForDualStack": False,
    }
    assert created["FileSystemConfigs"] == mounted
    assert "VpcConfig of arn:aws:lambda:us-east-1:" in server.log.read_text()
    bad = {"SubnetIds": ["bad-format"], "SecurityGroupIds": ["sg-1"]}
    assert refusal(create, "other", VpcConfig=bad) == (
        400,
        "ValidationException",
        "1 validation error detected: Value '[bad-format]' at 'vpcConfig.subnetIds' failed to "
        "satisfy constraint: Member must satisfy constraint: [Member must have length less than "
        "or equal to 1024, Member must have length greater than or equal to 0, Member must "
        "satisfy regular expression pattern: subnet-[0-9a-z]*]",
    )
    unknown = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-0"]}
    assert "InvalidGroup.NotFound" in refusal(create, "other", VpcConfig=unknown).message
