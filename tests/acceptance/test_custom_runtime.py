"""Runtimes written in a shell script, as three tutorials have them: the files are theirs."""

from __future__ import annotations

import json

import pytest

# "Tutorial: Building a custom runtime" of the developer guide, its part "Create a function".
GUIDE_BOOTSTRAP = r"""#!/bin/sh
set -euo pipefail

# Initialization - load function handler
source $LAMBDA_TASK_ROOT/"$(echo $_HANDLER | cut -d. -f1).sh"

# Processing
while true
do
HEADERS="$(mktemp)"
# Get an event. The HTTP request will block until one is received
EVENT_DATA=$(curl -sS -LD "$HEADERS" "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")

# Extract request ID by scraping response headers received above
REQUEST_ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '"[:space:]"' | cut -d: -f2)

# Run the handler function from the script
RESPONSE=$($(echo "$_HANDLER" | cut -d. -f2) "$EVENT_DATA")

# Send the response
curl "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$REQUEST_ID/response" -d "$RESPONSE"
done
"""
GUIDE_FUNCTION = r"""function handler () {
EVENT_DATA=$1
echo "$EVENT_DATA" 1>&2;
RESPONSE="Echoing request: '$EVENT_DATA'"

echo $RESPONSE
}
"""
GUIDE_CREATE = r"""
chmod 755 function.sh bootstrap
zip function.zip function.sh bootstrap

aws lambda create-function --function-name bash-runtime \
--zip-file fileb://function.zip --handler function.handler --runtime provided.al2023 \
--role arn:aws:iam::123456789012:role/lambda-role
"""
GUIDE_INVOKE = r"""
aws lambda invoke --function-name bash-runtime --payload '{"text":"Hello"}' response.txt --cli-binary-format raw-in-base64-out
"""

# The same tutorial's part "Create a layer", with the region and account of the test.
GUIDE_LAYER = r"""
zip runtime.zip bootstrap

aws lambda publish-layer-version --layer-name bash-runtime --zip-file fileb://runtime.zip
"""
GUIDE_USE_LAYER = r"""
aws lambda update-function-configuration --function-name bash-runtime \
--layers arn:aws:lambda:us-east-1:000000000000:layer:bash-runtime:{version}
aws lambda wait function-updated-v2 --function-name bash-runtime
"""
GUIDE_FUNCTION_ONLY = r"""
zip function-only.zip function.sh

aws lambda update-function-code --function-name bash-runtime --zip-file fileb://function-only.zip
aws lambda wait function-updated-v2 --function-name bash-runtime
"""
GUIDE_SHARE_LAYER = r"""
aws lambda add-layer-version-permission --layer-name bash-runtime --statement-id xaccount \
--action lambda:GetLayerVersion --principal 111122223333 --version-number 2 --output text
"""
GUIDE_CLEAN_UP = r"""
aws lambda delete-layer-version --layer-name bash-runtime --version-number 1
aws lambda delete-layer-version --layer-name bash-runtime --version-number 2
"""

# "AWS Lambda - Custom Runtime", a blog page of November 2018. Its runtime, `provided`, takes no new
# functions any more.
BLOG_BOOTSTRAP = r"""#!/bin/sh

set -euo pipefail

# Initialization - load function handler
source $LAMBDA_TASK_ROOT/"$(echo $_HANDLER | cut -d. -f1).sh"

# Processing
while true
do
  HEADERS="$(mktemp)"
  # Get an event
  EVENT_DATA=$(curl -sS -LD "$HEADERS" -X GET "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")
  REQUEST_ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)

  # Execute the handler function from the script
  RESPONSE=$($(echo "$_HANDLER" | cut -d. -f2) "$EVENT_DATA")

  # Send the response
  curl -X POST "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$REQUEST_ID/response"  -d "$RESPONSE"
done
"""
BLOG_FUNCTION = r"""function handler () {
  EVENT_DATA=$1
  echo "$EVENT_DATA" 1>&2;
  RESPONSE="{\"statusCode\": 200, \"body\": \"Hello World\"}"
  echo $RESPONSE
}
"""

# echo-lambda-custom-runtime's README shows the script from its second line on: the first, which
# names bash, is ours.
ECHO_BOOTSTRAP = r"""#!/bin/bash
set -euo pipefail

# Initialization - load function handler
source $LAMBDA_TASK_ROOT/"$(echo $_HANDLER | cut -d. -f1).sh"

# Processing
while true
do
  HEADERS="$(mktemp)"

  # Get an event. The HTTP request will block until one is received
  EVENT_DATA=$(curl -sS -LD "$HEADERS" -X GET "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")

  # Extract request ID by scraping the headers received above
  REQUEST_ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)

  # Run the handler function from the script passing the EVENT_DATA and also
  # the HEADERS dir from the next endpoint response as quick & dirty context.
  RESPONSE=$($(echo "$_HANDLER" | cut -d. -f2) "$EVENT_DATA" "$HEADERS")

  # Send the response
  curl -sS -o /dev/null -X POST "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$REQUEST_ID/response"  -d "$RESPONSE"
done
"""
ECHO_FUNCTION = r"""function handler () {
  EVENT_DATA=$1
  CONTEXT=$2 # Really the HTTP headers from the Runtime API next response.

  RESPONSE="$EVENT_DATA" # For this Lambda simply echo the EVENT_DATA

  echo $RESPONSE
}
"""
SHORT_ECHO_FUNCTION = r"""function handler () {
  echo $1
}
"""


def test_the_guides_bash_runtime_runs_as_printed(terminal):
    (terminal.directory / "bootstrap").write_text(GUIDE_BOOTSTRAP)
    (terminal.directory / "function.sh").write_text(GUIDE_FUNCTION)
    terminal.run(GUIDE_CREATE)
    for _ in range(2):
        answer = json.loads(terminal.run(GUIDE_INVOKE))
        assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
        assert terminal.run("cat response.txt") == 'Echoing request: \'{"text":"Hello"}\''
    logged = terminal.run(
        "aws logs filter-log-events --log-group-name /aws/lambda/bash-runtime "
        "--query 'events[].message' --output text"
    )
    assert '{"text":"Hello"}' in logged
    terminal.run("aws lambda delete-function --function-name bash-runtime")


def test_the_guides_runtime_layer_works_as_printed(terminal):
    (terminal.directory / "bootstrap").write_text(GUIDE_BOOTSTRAP)
    (terminal.directory / "function.sh").write_text(GUIDE_FUNCTION)
    terminal.run(GUIDE_CREATE)
    terminal.run("aws lambda wait function-active-v2 --function-name bash-runtime")
    for version in (1, 2):
        answer = terminal.run(GUIDE_LAYER)  # after what zip says
        assert json.loads(answer[answer.index("{") :])["Version"] == version
        terminal.run(GUIDE_USE_LAYER.format(version=version))
    terminal.run(GUIDE_FUNCTION_ONLY)
    shared = terminal.run(GUIDE_SHARE_LAYER)
    assert '"Sid":"xaccount"' in shared
    assert "arn:aws:iam::111122223333:root" in shared
    for _ in range(2):
        terminal.run(GUIDE_INVOKE)
        assert terminal.run("cat response.txt") == 'Echoing request: \'{"text":"Hello"}\''
        terminal.run(GUIDE_CLEAN_UP)  # the function keeps its layer
    terminal.run("aws lambda delete-function --function-name bash-runtime")


def test_the_blogs_bash_runtime_answers_hello_world(function):
    deployed = function(
        {"bootstrap": BLOG_BOOTSTRAP, "function.sh": BLOG_FUNCTION},
        runtime="provided.al2",
        handler="function.handler",
        MemorySize=128,
        Timeout=30,
    )
    for _ in range(2):
        assert deployed.call({"a": 1}) == {"statusCode": 200, "body": "Hello World"}


@pytest.mark.parametrize("script", [ECHO_FUNCTION, SHORT_ECHO_FUNCTION])
def test_the_curl_runtime_echoes_its_event(function, script):
    deployed = function(
        {"bootstrap": ECHO_BOOTSTRAP, "function.sh": script},
        runtime="provided.al2",
        handler="function.handler",
        Timeout=30,
    )
    assert deployed.call({"key": "value"}) == {"key": "value"}
    assert deployed.call("hello") == "hello"
