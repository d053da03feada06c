"""What every managed runtime does with a function, whatever its language."""

from __future__ import annotations

import json

import pytest

PYTHONS = [f"python3.{minor}" for minor in range(8, 14)]
NODES = ["nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"]
WARNING_FRAME = 0xA55A0013

PYTHON = {
    "main.py": """
import logging, os, sys

def echo(event, context):
    return event

def fail(event, context):
    raise ValueError("cannot take " + event["what"])

def log(event, context):
    logging.getLogger().warning("two\\nlines")
    print("printed")

def big(event, context):
    return {"received": len(event["text"]), "text": "ä" * event["wanted"]}

def surroundings(event, context):
    return {"variables": dict(os.environ), "directory": os.getcwd()}
""",
    "broken.py": "import no_such_module\n",
    "wrong.py": "def handler(:\n",
}
NODE = {
    "main.js": """
exports.echo = async (event) => event;

exports.fail = async (event) => { throw new RangeError("cannot take " + event.what); };

exports.log = async () => {
  console.warn("two\\nlines");
  process.stdout.write("printed\\n");
};

exports.big = async (event) => (
  { received: event.text.length, text: "ä".repeat(event.wanted) }
);

exports.surroundings = async () => (
  { variables: { ...process.env }, directory: process.cwd() }
);
""",
    "broken.js": "require('no_such_module');\n",
    "wrong.js": "exports.handler = (;\n",
}

pytestmark = pytest.mark.parametrize("identifier", PYTHONS + NODES)


def files(identifier: str) -> dict[str, str]:
    return PYTHON if identifier.startswith("python") else NODE


def test_the_result_of_the_handler_is_the_response(start, identifier):
    function = start(identifier, files(identifier), "main.echo")
    event = {"text": "grüße 🎉 \u2028", "number": 1.5, "nothing": None}
    answer = function.invoke(event)
    assert answer.path == "/2018-06-01/runtime/invocation/request-1/response"
    assert answer.headers["content-type"] == "application/json"
    assert answer.document == event
    assert function.invoke([]).document == []
    assert function.output == ""


def test_an_exception_is_posted_and_the_function_goes_on(start, identifier):
    function = start(identifier, files(identifier), "main.fail")
    for _ in range(2):
        answer = function.invoke({"what": "that"})
        assert answer.kind == "error"
        error_type = "ValueError" if identifier.startswith("python") else "RangeError"
        assert answer.document["errorType"] == error_type
        assert answer.document["errorMessage"] == "cannot take that"
        cause = json.loads(answer.headers["lambda-runtime-function-xray-error-cause"])
        assert cause["working_directory"] == "/var/task"
    assert any("cannot take that" in message for _, message in function.frames)


@pytest.mark.parametrize(
    ("handler", "error_type"),
    [
        ("missing.handler", "Runtime.ImportModuleError"),
        ("broken.handler", "Runtime.ImportModuleError"),
        ("wrong.handler", "Runtime.UserCodeSyntaxError"),
        ("main.missing", "Runtime.HandlerNotFound"),
        ("nonsense", "Runtime.MalformedHandlerName"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_an_init_error(start, identifier, handler, error_type):
    function = start(identifier, files(identifier), handler)
    answer = function.api.answer()
    assert answer.path == "/2018-06-01/runtime/init/error"
    assert answer.headers["lambda-runtime-function-error-type"] == error_type
    assert answer.document["errorType"] == error_type
    assert function.wait() != 0


def test_logs_go_to_the_telemetry_descriptor_in_frames_and_prints_to_the_output(start, identifier):
    function = start(identifier, files(identifier), "main.log")
    function.invoke({})
    [(kind, message)] = function.frames
    if identifier.startswith("python"):
        # Its client tells the level only of functions that set a log level.
        assert message.startswith("[WARNING]\t")
    else:
        assert kind == WARNING_FRAME
        assert "\trequest-1\tWARN\t" in message
    assert "two\nlines" in message
    assert function.output == "printed\n"


def test_payloads_of_megabytes_pass_both_ways(start, identifier):
    function = start(identifier, files(identifier), "main.big")
    answer = function.invoke({"text": "x" * 5_000_000, "wanted": 2_500_000})
    assert answer.document == {"received": 5_000_000, "text": "ä" * 2_500_000}


def test_the_environment_is_the_defined_one_and_no_more(start, identifier):
    function = start(
        identifier, files(identifier), "main.surroundings", {"TABLE": "orders", "TZ": "Asia/Tokyo"}
    )
    answer = function.invoke({}).document
    variables = answer["variables"]
    assert answer["directory"] == "/var/task"
    assert variables["TABLE"] == "orders"
    assert variables["TZ"] == "Asia/Tokyo"
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{identifier}"
    # The client takes it away, so that nothing the function starts writes there by accident.
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in variables
    assert "HOME" not in variables
    assert "NODE_EXTRA_CA_CERTS" not in variables


def test_a_connection_the_server_closed_is_made_again(start, identifier):
    function = start(identifier, files(identifier), "main.echo")
    function.api.hangs_up = True
    for number in range(5):
        assert function.invoke(number).document == number
