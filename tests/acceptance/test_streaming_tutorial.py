"""The developer guide's tutorial about response streaming, typed in as it is printed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest
from botocore.loaders import Loader
from tests.support.gates import open_gate
from tests.support.programs import require_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

# What its reader has set up before: an account, whose number an access key of as many digits names.
ACCOUNT = "123456789012"
USER = f"""
export AWS_ACCESS_KEY_ID={ACCOUNT} AWS_SECRET_ACCESS_KEY=secret
"""

# "Tutorial: Creating a response streaming Lambda function with a function URL".
INDEX = """\
import util from 'util';
import stream from 'stream';
const { Readable } = stream;
const pipeline = util.promisify(stream.pipeline);

/* global awslambda */
export const handler = awslambda.streamifyResponse(async (event, responseStream, _context) => {
  const requestStream = Readable.from(Buffer.from(JSON.stringify(event)));

  await pipeline(requestStream, responseStream);
})
"""
CREATE = r"""
zip function.zip index.mjs

aws lambda create-function \
--function-name my-streaming-function \
--runtime nodejs16.x \
--zip-file fileb://function.zip \
--handler index.handler \
--role arn:aws:iam::123456789012:role/response-streaming-role
"""
ADD_PERMISSION = r"""
aws lambda add-permission \
--function-name my-streaming-function \
--action lambda:InvokeFunctionUrl \
--statement-id 12345 \
--principal 123456789012 \
--function-url-auth-type AWS_IAM \
--statement-id url
"""
CREATE_URL = r"""
aws lambda create-function-url-config \
--function-name my-streaming-function \
--auth-type AWS_IAM \
--invoke-mode RESPONSE_STREAM
"""
DELETE = "aws lambda delete-function --function-name my-streaming-function\n"
CURL = (
    'curl --request GET "{url}" --user "{user}" --aws-sigv4 "aws:amz:us-east-1:lambda" --no-buffer'
)

# A function to see that with: between its chunks it waits to be told that the first was read.
CHUNKS = """\
import { existsSync, writeFileSync } from 'fs';
import { setTimeout } from 'timers/promises';

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const gate = `/tmp/${event.rawQueryString}`;
  responseStream.write("one\\n");
  writeFileSync(`${gate}.waiting`, "");
  while (!existsSync(`${gate}.open`)) await setTimeout(5);
  responseStream.write("two\\n");
  responseStream.end();
});
"""


@pytest.fixture
def tutorial(terminal) -> Iterator[str]:
    """The tutorial up to its function URL, which it gives."""
    require_runtime("nodejs16.x")
    add_model(terminal.directory)
    (terminal.directory / "index.mjs").write_text(INDEX)
    terminal.run(USER + CREATE)
    terminal.run(USER + "aws lambda wait function-active-v2 --function-name my-streaming-function")
    added = json.loads(terminal.run(USER + ADD_PERMISSION))
    assert '"Sid":"url"' in added["Statement"]
    created = json.loads(terminal.run(USER + CREATE_URL))
    assert (created["AuthType"], created["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    yield created["FunctionUrl"]
    terminal.run(USER + DELETE)


@pytest.fixture
def curl():
    """curl, if it is one that signs requests; nobody's ~/.curlrc counts."""
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is not installed")
    said = subprocess.run([found, "--help", "all"], capture_output=True, text=True).stdout
    if "--aws-sigv4" not in said:
        pytest.skip("curl is older than 7.75: it cannot sign requests")
    return found


def add_model(home):
    """Teach an AWS CLI that is older than response streaming, such as Debian 12's, its options.

    As `aws configure add-model` does, with the model that the tests' boto3 has.
    """
    models = home / ".aws/models/lambda/2015-03-31"
    models.mkdir(parents=True)
    model = Loader().load_service_model("lambda", "service-2")
    (models / "service-2.json").write_text(json.dumps(model))


def test_the_streaming_tutorial_runs_as_printed(terminal, tutorial, curl):
    command = CURL.format(url=tutorial, user=f"{ACCOUNT}:secret")
    event = json.loads(terminal.run(f"{command} --silent --show-error"))
    assert (event["version"], event["rawPath"]) == ("2.0", "/")
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["requestContext"]["authorizer"]["iam"]["accountId"] == ACCOUNT
    refusal = terminal.run(f'curl --silent --write-out "%{{http_code}}" "{tutorial}"')
    assert refusal.endswith("403")
    assert json.loads(refusal.removesuffix("403"))["Message"].startswith("Forbidden")


def test_curl_prints_chunks_as_they_are_written(terminal, tutorial, curl):
    (terminal.directory / "index.mjs").write_text(CHUNKS)
    terminal.run(
        USER + "zip function.zip index.mjs\n"
        "aws lambda update-function-code --function-name my-streaming-function "
        "--zip-file fileb://function.zip\n"
        "aws lambda wait function-updated-v2 --function-name my-streaming-function"
    )
    gate = f"gate-{uuid.uuid4()}"
    command = CURL.format(url=f"{tutorial}?{gate}", user=f"{ACCOUNT}:secret")
    with subprocess.Popen(
        ["bash", "-c", f"exec {command} --silent --show-error"],
        env={"PATH": os.environ["PATH"], "HOME": str(terminal.directory)},
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"one\n"
        open_gate(gate)
        assert running.stdout.read() == b"two\n"
    assert running.returncode == 0
