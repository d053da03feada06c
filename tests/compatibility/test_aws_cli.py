"""The AWS CLI, version 2, beyond what the tutorials show."""

from __future__ import annotations

import json

import pytest

CODE = "def handler(event, context):\n    print('got', event)\n    return event\n"
CREATE = """
zip -q greet.zip lambda_function.py
aws lambda create-function --function-name cli-greet --runtime python3.11 \
  --handler lambda_function.handler --zip-file fileb://greet.zip --memory-size 1769 \
  --environment 'Variables={GREETING=hello}' --tags team=one,cost=none \
  --role arn:aws:iam::000000000000:role/lambda-role >created.json
aws lambda wait function-active-v2 --function-name cli-greet
"""


@pytest.fixture
def greet(terminal):
    (terminal.directory / "lambda_function.py").write_text(CODE)
    terminal.run(CREATE)
    yield terminal
    client = terminal.server.client()
    client.delete_function(FunctionName="cli-greet")


def answer(terminal, command):
    return json.loads(terminal.run(f"aws {command} --output json"))


def test_a_function_from_creation_to_log(greet):
    created = json.loads((greet.directory / "created.json").read_text())
    assert created["State"] == "Pending"
    found = answer(greet, "lambda get-function --function-name cli-greet")
    assert found["Configuration"]["State"] == "Active"
    assert found["Configuration"]["CodeSha256"] == created["CodeSha256"]
    assert found["Tags"] == {"team": "one", "cost": "none"}
    invoked = answer(
        greet,
        "lambda invoke --function-name cli-greet --payload eyJhIjogMX0= out.json",
    )
    assert invoked == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert (greet.directory / "out.json").read_text() == '{"a": 1}'
    tail = greet.run("""
for attempt in $(seq 20); do
  aws logs tail /aws/lambda/cli-greet --format short >tail.txt && grep -q REPORT tail.txt && break
done
cat tail.txt
""")
    assert "got {'a': 1}" in tail
    assert "REPORT RequestId: " in tail


def test_code_configuration_version_and_tags_are_changed(greet):
    (greet.directory / "lambda_function.py").write_text(CODE.replace("return event", "return 2"))
    answers = greet.run("""
zip -q greet.zip lambda_function.py
aws lambda update-function-code --function-name cli-greet --zip-file fileb://greet.zip \
  --query LastUpdateStatus
aws lambda wait function-updated --function-name cli-greet
aws lambda update-function-configuration --function-name cli-greet --timeout 7 --query Timeout
aws lambda wait function-updated-v2 --function-name cli-greet
aws lambda publish-version --function-name cli-greet --query Version
aws lambda tag-resource --tags cost=some \
  --resource arn:aws:lambda:us-east-1:000000000000:function:cli-greet
aws lambda list-tags --resource arn:aws:lambda:us-east-1:000000000000:function:cli-greet \
  --query Tags.cost
aws lambda invoke --function-name cli-greet:1 out.json --query ExecutedVersion
cat out.json
""")
    assert [json.loads(line) for line in answers.splitlines()] == [
        *("InProgress", 7, "1", "some", "1"),
        2,
    ]


def test_an_error_is_an_error_of_the_command(terminal):
    said = terminal.run("""
status=0
aws lambda get-function --function-name nobody 2>error.txt || status=$?
cat error.txt
echo "status $status"
""")
    assert (
        "An error occurred (ResourceNotFoundException) when calling the GetFunction operation: "
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"
    ) in said
    assert "status 254" in said


def test_text_where_base64_belongs_is_refused_as_aws_refuses_it(greet):
    said = greet.run("""
aws lambda invoke --function-name cli-greet --payload 'body' out.json 2>&1 || true
""")
    assert "(InvalidRequestContentException)" in said
    assert "Could not parse request body into json" in said


def test_lists_are_paged(greet):
    listed = answer(greet, "lambda list-functions --page-size 1 --function-version ALL")
    assert "cli-greet" in [each["FunctionName"] for each in listed["Functions"]]
