"""One URL for everybody: what is made outside is good in functions, and the other way round."""

from __future__ import annotations

import json
import urllib.request

import boto3
import pytest
from botocore.config import Config
from tests.support.boto3_layer import publish_boto3
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.packages import npm_packages, zipped_directory
from tests.support.server import running_server

PYTHON = """
import os
import urllib.request

import boto3
from botocore.config import Config

sqs = boto3.client("sqs")
sqs.list_queues()  # a connection that is kept, also where init ends in a snapshot


def send(event):
    # To the URL's host, as SDKs do that let a queue's URL say where the service is.
    host = event["queue"].rpartition("/")[0].rpartition("/")[0]
    client = boto3.client("sqs", endpoint_url=host)
    client.send_message(QueueUrl=event["queue"], MessageBody=event["text"])


def fetch(event):
    with urllib.request.urlopen(event["link"]) as answer:
        return answer.read().decode()


def link(event):
    client = boto3.client("s3", config=Config(signature_version=event["version"]))
    return client.generate_presigned_url("get_object", Params=event["object"], ExpiresIn=60)


def endpoint(event):
    sqs.list_queues()
    return os.environ["AWS_ENDPOINT_URL"]


def handler(event, context):
    return globals()[event["do"]](event)
"""
NODE = """
const { SendMessageCommand, SQSClient } = require("@aws-sdk/client-sqs");

const sqs = new SQSClient({});

exports.handler = async (event) => {
  const sent = await sqs.send(
    new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: event.text }),
  );
  return sent.$metadata.httpStatusCode;
};
"""
SDK = "@aws-sdk/client-sqs@3.1000.0"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One with its companion."""
    data_dir = tmp_path_factory.mktemp("urls") / "data"
    with running_server(data_dir, "--companion", "on") as running:
        yield running


@pytest.fixture(scope="module")
def settings(server):
    return {"Layers": [publish_boto3(server.client())], "Timeout": 60, **WHOLE_CPU}


@pytest.fixture(scope="module")
def function(server, settings):
    return deploy(server, PYTHON, **settings)


@pytest.fixture
def queue(server):
    """Its URL, and what is in it."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="made-outside")["QueueUrl"]

    def received():
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages", [])
        return [message["Body"] for message in messages]

    yield url, received
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture(scope="module")
def object_outside(server):
    s3, named = server.client("s3"), {"Bucket": "links", "Key": "a b/ä"}
    s3.create_bucket(Bucket=named["Bucket"])
    s3.put_object(**named, Body=b"text")
    return named


def test_the_endpoint_is_the_same(server, function):
    assert function.call({"do": "endpoint"}) == server.url


def test_a_queue_s_url_is_good_inside(function, queue):
    url, received = queue
    function.call({"do": "send", "queue": url, "text": "from inside"})
    assert received() == ["from inside"]


def test_the_javascript_sdk_goes_to_the_host_of_a_queue_s_url(server, queue):
    url, received = queue
    layer = server.client().publish_layer_version(
        LayerName="sdk", Content={"ZipFile": zipped_directory(npm_packages(SDK), below="nodejs")}
    )
    function = deploy(
        server,
        {"index.js": NODE},
        runtime="nodejs22.x",
        handler="index.handler",
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"QUEUE_URL": url}},
        Timeout=60,
        **WHOLE_CPU,
    )
    assert function.call({"text": "from JavaScript"}) == 200
    assert received() == ["from JavaScript"]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_link_from_outside_is_good_inside(server, function, object_outside, version):
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(signature_version=version),
    )
    link = client.generate_presigned_url("get_object", Params=object_outside)
    assert function.call({"do": "fetch", "link": link}) == "text"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_link_from_inside_is_good_outside_and_inside(function, object_outside, version):
    link = function.call({"do": "link", "object": object_outside, "version": version})
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"text"
    assert function.call({"do": "fetch", "link": link}) == "text"


def test_nothing_but_links_is_taken_without_a_signature_that_is_good(server, function):
    queue = f"{server.url}/?Action=ListQueues"
    failed = function.fail({"do": "fetch", "link": queue})
    assert failed["errorType"] == "HTTPError"
    assert "403" in json.dumps(failed)


def test_a_connection_of_before_a_snapshot_is_another_after_it(server, settings):
    made = deploy(
        server,
        PYTHON,
        runtime="python3.12",
        SnapStart={"ApplyOn": "PublishedVersions"},
        **settings,
    )
    name = {"FunctionName": made.name}
    version = made.client.publish_version(**name)["Version"]
    made.client.get_waiter("published_version_active").wait(
        **name, Qualifier=version, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    assert made.call({"do": "endpoint"}, Qualifier=version) == server.url
