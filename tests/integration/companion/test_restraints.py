"""What hostile code must not get from the companion, nor anybody else from its port."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from urllib.parse import urlsplit

import pytest
from tests.integration.companion.conftest import started
from tests.support.waiting import eventually

CLOUDFORMATION = (
    "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/cloudformation/aws4_request, "
    "SignedHeaders=host, Signature=x"
)


@pytest.fixture(scope="module")
def guarded():
    """A companion that only who knows a secret is to use."""
    with started(callers_secret="a secret") as url:
        yield urlsplit(url).netloc


def asked(place, method, path, **headers):
    connection = http.client.HTTPConnection(place, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://page.example", "Host": "page.example"},
        {"Authorization": CLOUDFORMATION},
        {"X_Lambent_Companion": "a wrong one"},
        {"x_moto_account_id": "000000000000"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_who_is_not_told_the_secret_gets_nothing_at_the_port(guarded, method, headers):
    assert asked(guarded, method, "/", **headers)[0] == 403


def test_the_server_that_tells_the_secret_is_answered(guarded):
    status, body = asked(guarded, "GET", "/", X_Lambent_Companion="a secret")
    assert (status, b"ListAllMyBucketsResult" in body) == (200, True)


def test_even_with_the_secret_motos_controls_are_not_there(guarded):
    for path in ("/moto-api/reset", "/latest/meta-data/", "/moto-api/config"):
        assert asked(guarded, "POST", path, X_Lambent_Companion="a secret")[0] == 404


def test_a_topic_does_not_reach_this_host(companion):
    reached = threading.Event()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            reached.set()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sns, sqs = companion.client("sns"), companion.client("sqs")
        queue = sqs.create_queue(QueueName="beside")["QueueUrl"]
        arn = "arn:aws:sqs:us-east-1:123456789012:beside"
        topic = sns.create_topic(Name="to-this-host")["TopicArn"]
        for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"):
            url = f"http://{host}:{server.server_port}/"
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        sns.publish(TopicArn=topic, Message="hello")
        # The others get it nevertheless, and they come after.
        [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
        server.shutdown()
    assert json.loads(message["Body"])["Message"] == "hello"
    assert not reached.is_set()


def test_a_job_of_batch_starts_no_container(companion):
    batch, iam = companion.client("batch"), companion.client("iam")
    role = iam.create_role(RoleName="jobs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="environment", type="UNMANAGED", state="ENABLED", serviceRole=role
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    queue = batch.create_job_queue(
        jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order
    )["jobQueueArn"]
    container = {"image": "alpine", "vcpus": 1, "memory": 128, "command": ["id"]}
    definition = batch.register_job_definition(
        jobDefinitionName="definition", type="container", containerProperties=container
    )["jobDefinitionArn"]
    job = batch.submit_job(jobName="job", jobQueue=queue, jobDefinition=definition)["jobId"]

    def has_failed():
        return batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "FAILED"

    eventually(has_failed, "the job's end")
