"""The developer guide's first tutorial, "Create a Lambda function with the console", by command."""

from __future__ import annotations

import base64
import json
import re

import pytest
from tests.support.server import newest_runtime

# As the guide prints them; the Python one had lost its indentation in print.
NODEJS = """\
export const handler = async (event, context) => {

  const length = event.length;
  const width = event.width;
  let area = calculateArea(length, width);
  console.log(`The area is ${area}`);

  console.log('CloudWatch log group: ', context.logGroupName);

  let data = {
    "area": area,
  };
  return JSON.stringify(data);

  function calculateArea(length, width) {
    return length * width;
  }
};
"""
PYTHON = """\
import json
import logging

logger = logging.getLogger()
logger.setLevel(logging.INFO)

def lambda_handler(event, context):

    # Get the length and width parameters from the event object. The
    # runtime converts the event object to a Python dictionary
    length=event['length']
    width=event['width']

    area = calculate_area(length, width)
    print(f"The area is {area}")

    logger.info(f"CloudWatch logs group: {context.log_group_name}")

    # return the calculated area as a JSON string
    data = {"area": area}
    return json.dumps(data)

def calculate_area(length, width):
    return length*width
"""
EVENT = '{\n"length": 6,\n"width": 7\n}\n'

CREATE = """
zip -q function.zip {file}
aws lambda create-function --function-name myLambdaFunction --zip-file fileb://function.zip \
  --handler {handler} --runtime {runtime} --role arn:aws:iam::123456789012:role/lambda-role
aws lambda wait function-active-v2 --function-name myLambdaFunction
"""
INVOKE = """
aws lambda invoke --function-name myLambdaFunction --payload file://myTestEvent.json \
  --cli-binary-format raw-in-base64-out --log-type Tail response.json
"""
CLEAN_UP = """
aws lambda delete-function --function-name myLambdaFunction
aws logs delete-log-group --log-group-name /aws/lambda/myLambdaFunction
"""
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
REPORT = (
    rf"REPORT RequestId: {ID}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
    r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t"
)
LANGUAGES = {
    "nodejs": (
        "index.mjs",
        NODEJS,
        "index.handler",
        '"{\\"area\\":42}"',
        [
            rf"{TIME}\t{ID}\tINFO\tThe area is 42",
            rf"{TIME}\t{ID}\tINFO\tCloudWatch log group:  /aws/lambda/myLambdaFunction",
        ],
    ),
    "python": (
        "lambda_function.py",
        PYTHON,
        "lambda_function.lambda_handler",
        '"{\\"area\\": 42}"',
        [
            "The area is 42",
            rf"\[INFO\]\t{TIME}\t{ID}\tCloudWatch logs group: /aws/lambda/myLambdaFunction",
        ],
    ),
}


def assert_lines(text, patterns):
    lines = text.splitlines()
    assert len(lines) == len(patterns), text
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_function_returns_and_logs_what_the_guide_shows(terminal, language):
    file, code, handler, response, printed = LANGUAGES[language]
    runtime = newest_runtime(language)
    (terminal.directory / file).write_text(code)
    (terminal.directory / "myTestEvent.json").write_text(EVENT)
    terminal.run(CREATE.format(file=file, handler=handler, runtime=runtime))
    answer = json.loads(terminal.run(INVOKE))
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert (terminal.directory / "response.json").read_text() == response
    expected = [
        rf"START RequestId: {ID} Version: \$LATEST",
        *printed,
        rf"END RequestId: {ID}",
        REPORT,
    ]
    assert_lines(base64.b64decode(answer["LogResult"]).decode(), expected)
    assert_lines(recorded_log(terminal), [rf"INIT_START Runtime Version: {language}.*", *expected])
    terminal.run(CLEAN_UP)
    functions = terminal.server.client().list_functions()["Functions"]
    assert "myLambdaFunction" not in [each["FunctionName"] for each in functions]


def recorded_log(terminal):
    """The invocation's record, found as the guide says: log group, log stream, events."""
    group = "--log-group-name /aws/lambda/myLambdaFunction"
    stream = terminal.run(
        f"aws logs describe-log-streams {group} --query 'logStreams[].logStreamName' --output text"
    ).strip()
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    events = terminal.run(
        f"aws logs get-log-events {group} --log-stream-name '{stream}' --start-from-head"
    )
    return "".join(event["message"].rstrip("\n") + "\n" for event in json.loads(events)["events"])
