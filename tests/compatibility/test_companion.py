"""Other services at the same endpoint: the companion's, through the gateway."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.support.server import ROLE, running_server
from tests.support.waiting import eventually

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("companion") / "data"
    with running_server(data_dir, "--companion", "on") as running:
        yield running


@pytest.fixture(scope="module")
def bucket(server):
    server.client("s3").create_bucket(Bucket="shared")
    return "shared"


def companions(server):
    """The process ids of the server's companion: one, or none while it starts."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [
        int(child)
        for child in children.split()
        if b"lambent.companion" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


@pytest.fixture
def connection(server):
    with contextlib.closing(
        http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    ) as client:
        yield client


def status_of(url, body=None):
    try:
        with urllib.request.urlopen(url, body) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_an_object_of_100_mib_streams_through_both_ways(server, bucket, tmp_path):
    piece = os.urandom(MIB)
    sent = tmp_path / "sent"
    with sent.open("wb") as file:
        for _ in range(100):
            file.write(piece)
    server.client("lambda").list_functions()
    before = server.peak_memory_bytes()
    s3 = server.client("s3")
    with sent.open("rb") as file:
        s3.put_object(Bucket=bucket, Key="large/ü 1.bin", Body=file)
    received = hashlib.sha256()
    body = s3.get_object(Bucket=bucket, Key="large/ü 1.bin")["Body"]
    for part in body.iter_chunks(MIB):
        received.update(part)
    assert received.digest() == hashlib.sha256(piece * 100).digest()
    assert s3.head_object(Bucket=bucket, Key="large/ü 1.bin")["ContentLength"] == 100 * MIB
    assert server.peak_memory_bytes() - before < 16 * MIB


def test_a_body_without_a_length_streams_through(server, bucket, connection):
    """As with S3's chunks of a stream, which SDKs send without knowing its end."""
    url = server.client("s3").generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": "chunked"}
    )
    connection.request(
        "PUT", url.removeprefix(server.url), body=iter([b"a" * MIB] * 5), encode_chunked=True
    )
    assert connection.getresponse().status == 200
    answer = server.client("s3").get_object(Bucket=bucket, Key="chunked")
    assert answer["Body"].read() == b"a" * 5 * MIB


def test_the_usual_services_answer_at_the_one_endpoint(server):
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    assert queue.startswith(server.url)
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "hello"
    topic = server.client("sns").create_topic(Name="news")["TopicArn"]
    assert server.client("sns").publish(TopicArn=topic, Message="hello")["MessageId"]
    dynamodb = server.client("dynamodb")
    dynamodb.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="things", Item={"id": {"S": "1"}})
    assert dynamodb.scan(TableName="things")["Count"] == 1
    assert server.client("events").list_event_buses()["EventBuses"]
    assert server.client("iam").list_roles()["Roles"] == []


def test_accounts_are_kept_apart_as_they_are_for_functions(server):
    one, other = (server.client("sqs", account=account) for account in ("1" * 12, "2" * 12))
    one.create_queue(QueueName="mine")
    assert "QueueUrls" not in other.list_queues()
    identity = server.client("sts", account="2" * 12).get_caller_identity()
    assert identity["Account"] == "2" * 12


def test_a_caller_cannot_name_another_account_in_the_companions_own_header(server):
    sts = server.client("sts")

    def claim(params, **_):
        params["headers"]["x-moto-account-id"] = "2" * 12

    sts.meta.events.register("before-call", claim)
    assert sts.get_caller_identity()["Account"] == "0" * 12


def test_presigned_and_public_urls_work(server, bucket):
    s3 = server.client("s3")
    s3.put_object(Bucket=bucket, Key="private", Body=b"private")
    s3.put_object(Bucket=bucket, Key="public", Body=b"public", ACL="public-read")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "private"})
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"private"
    with urllib.request.urlopen(f"{server.url}/{bucket}/public") as answer:
        assert answer.read() == b"public"
    assert status_of(f"{server.url}/{bucket}/private") == 403
    identity = server.client("sts").generate_presigned_url("get_caller_identity")
    with urllib.request.urlopen(identity) as answer:
        assert b"<Account>000000000000</Account>" in answer.read()


def test_a_bucket_may_be_named_in_the_host(server, bucket, connection):
    server.client("s3").put_object(Bucket=bucket, Key="web", Body=b"page", ACL="public-read")
    connection.request("GET", "/web", headers={"Host": f"{bucket}.s3.localhost"})
    assert connection.getresponse().read() == b"page"


def test_one_connection_serves_several_requests_and_services(server, bucket, connection):
    server.client("s3").put_object(Bucket=bucket, Key="kept", Body=b"kept", ACL="public-read")
    for _ in range(2):
        connection.request("HEAD", f"/{bucket}/kept")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-length"]) == (200, "4")
        assert answer.read() == b""
        connection.request("GET", f"/{bucket}/kept")
        assert connection.getresponse().read() == b"kept"
        connection.request("GET", "/health")
        assert connection.getresponse().read()


def test_errors_of_a_service_are_its_own(server, bucket):
    with pytest.raises(ClientError, match="NoSuchKey"):
        server.client("s3").get_object(Bucket=bucket, Key="none")
    with pytest.raises(ClientError, match="NonExistentQueue"):
        server.client("sqs").get_queue_url(QueueName="none")


@pytest.mark.parametrize(
    "path",
    ["/moto-api/reset", "/%6Doto-api/reset", "//moto-api/reset", "/lambda_us-east-1/functions"],
)
def test_the_companions_own_controls_are_out_of_reach(server, path):
    assert status_of(server.url + path, b"") == 400


def test_functions_and_their_logs_are_lambents_own(server):
    """The companion has an API of Lambda too, which nobody reaches."""
    functions = server.client("lambda")
    with pytest.raises(ClientError, match="Function not found"):
        functions.get_function(FunctionName="none")
    assert server.client("logs").describe_log_groups()["logGroups"] == []


def test_code_comes_from_the_companions_buckets(server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="none.zip", Body=b"no zip")
    with pytest.raises(ClientError, match="unzip"):
        server.client("lambda").create_function(
            FunctionName="from-s3",
            Role=ROLE,
            Runtime="python3.11",
            Handler="a.b",
            Code={"S3Bucket": "code", "S3Key": "none.zip"},
        )


def test_a_companion_that_is_killed_comes_back(server):
    server.client("sqs").create_queue(QueueName="before")
    [first] = companions(server)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: companions(server) not in ([], [first]), "another companion")
    # Calls wait until it answers again; what it had is gone.
    assert "before" not in str(server.client("sqs").list_queues().get("QueueUrls"))
    assert "what its services" in server.log.read_text()


def test_the_companion_ends_with_the_server_however_that_ends(tmp_path):
    with running_server(tmp_path / "data", "--companion", "on") as running:
        running.client("sqs").list_queues()
        [child] = companions(running)
        running.kill()
        eventually(lambda: not Path(f"/proc/{child}").exists(), "its end")
    with running_server(tmp_path / "data", "--companion", "on") as running:
        running.client("sqs").list_queues()
        [child] = companions(running)
        assert running.stop() == 0
        assert not Path(f"/proc/{child}").exists()


def test_without_a_companion_other_services_are_refused_in_their_own_form(tmp_path):
    with running_server(tmp_path / "data", "--companion", "off") as running:
        assert companions(running) == []
        with pytest.raises(ClientError, match="the request is for sqs"):
            running.client("sqs").list_queues()


def test_a_neighbour_that_is_gone_is_told_from_one_that_refuses(tmp_path):
    settings = ("--aws-endpoints", "s3=http://127.0.0.1:9,sqs=http://127.0.0.1:9,sns=aws")
    with running_server(tmp_path / "data", *settings) as running:
        for service, call in (("s3", "list_buckets"), ("sqs", "list_queues")):
            with pytest.raises(ClientError, match=f"{service} gives no answer") as refused:
                getattr(running.client(service), call)()
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        with pytest.raises(ClientError, match="Call AWS directly"):
            running.client("sns").list_topics()
