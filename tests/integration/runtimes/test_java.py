"""Java's runtime interface client: what it does without AWS's own jars."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

JAR = Path(__file__).parent.parent.parent / "support/java/handlers.jar"
RUNTIMES = ["java11", "java17", "java21", "java25"]
TEXT_FRAME, ERROR_FRAME = 0xA55A0003, 0xA55A0017


@pytest.fixture(scope="session")
def handlers() -> dict[str, str | bytes]:
    return {"lib/handlers.jar": JAR.read_bytes()}


@pytest.fixture
def java(start, handlers):
    def start_method(handler, identifier="java21", files=None, **variables):
        return start(identifier, files or handlers, f"handlers.{handler}", variables)

    return start_method


def answer(function, event, **headers):
    posted = function.invoke(event, **headers)
    assert posted.path.endswith("/response"), posted.body
    return json.loads(posted.body)


@pytest.mark.parametrize("identifier", RUNTIMES)
def test_a_request_handler_of_a_jar(java, identifier):
    function = java("Greeting", identifier)
    said = answer(function, {"name": "Ada"}, Lambda_Runtime_Client_Context='{"custom": {"k": "v"}}')
    assert said == {
        "greeting": "Hello Ada",
        "requestId": "request-1",
        "function": "orders",
        "arn": said["arn"],
        "memory": 256,
        "hasTime": True,
        "tenant": None,
        "custom": {"k": "v"},
        "java": identifier.removeprefix("java"),
    }
    assert answer(function, {"name": None})["greeting"] == "Hello null"


def test_a_stream_handler_sees_and_writes_bytes(java):
    event = {"text": "ä" * 1_000_000}
    assert answer(java("Echo"), event) == event


@pytest.mark.parametrize(
    ("method", "event", "expected"),
    [
        ("shout", "tea", "TEA"),
        ("shout", 7, "7"),
        ("add", [1, 2, 39], 42),
        ("half", 3, 1.5),
        ("half", "3", 1.5),
        ("nothing", {"x": 1}, None),
        ("same", {"a": [1, 2.5, True, None, '\u00e4\n"\\\U0001f600', 12345678901]}, ...),
        ("same", [], ...),
        ("resource", None, "none"),
    ],
)
def test_methods_of_plain_classes(java, method, event, expected):
    said = answer(java(f"Methods::{method}"), event)
    assert said == (event if expected is ... else expected)


def test_class_folders_and_resources_are_on_the_path(java, handlers):
    files = {**handlers, "greeting.txt": "hello"}
    assert answer(java("Methods::resource", files=files), None) == "found"


def test_an_exception_is_a_function_error_with_its_cause(java):
    function = java("Methods::fail")
    posted = function.invoke({"a": 1})
    assert posted.path.endswith("/error")
    error = json.loads(posted.body)
    assert error["errorMessage"] == "no such order"
    assert error["errorType"] == "java.lang.IllegalStateException"
    assert error["stackTrace"] == ["handlers.Methods.fail(Methods.java:36)"]
    assert error["cause"]["errorType"] == "java.lang.UnsupportedOperationException"
    assert posted.headers["lambda-runtime-function-error-type"] == error["errorType"]
    [(kind, message)] = function.frames
    assert kind == ERROR_FRAME
    assert message.startswith("no such order: java.lang.IllegalStateException\n")
    assert "Caused by: java.lang.UnsupportedOperationException" in message
    assert json.loads(function.invoke({}).body)["errorMessage"] == "no such order"


@pytest.mark.parametrize(
    ("method", "event", "said"),
    [
        ("add", {"a": 1}, "cannot make a java.util.List of a JSON object"),
        ("shout", {"a": 1}, "cannot make a java.lang.String of a JSON object"),
        ("half", "x", "cannot make a double of a JSON string"),
        ("unwritable", None, "cannot write a java.lang.Thread as JSON"),
    ],
)
def test_what_cannot_be_converted_says_what_to_do(java, method, event, said):
    posted = java(f"Methods::{method}").invoke(event)
    message = json.loads(posted.body)["errorMessage"]
    assert said in message
    assert "lambent runtime install" in message


@pytest.mark.parametrize(
    ("handler", "error_type", "said"),
    [
        ("Missing", "java.lang.ClassNotFoundException", "Class not found: handlers.Missing"),
        ("Methods::hidden", "java.lang.NoSuchMethodException", "No public method named hidden"),
        ("Broken::handle", "java.lang.IllegalStateException", "no database"),
    ],
)
def test_what_cannot_be_loaded_is_an_init_error(java, handler, error_type, said):
    function = java(handler)
    posted = function.api.answer()
    assert posted.path.endswith("/init/error")
    error = json.loads(posted.body)
    assert error["errorType"] == error_type
    assert said in error["errorMessage"]
    assert function.wait() == 1


def test_an_exit_is_left_to_the_platform(java):
    function = java("Methods::exit")
    function.api.send(b"{}")
    assert function.wait() == 3
    assert function.api.posted.empty()


def test_the_logger_writes_whole_records_and_prints_go_their_own_way(java):
    function = java("Greeting", AWS_LAMBDA_LOG_LEVEL="INFO")
    function.invoke({"name": "Ada"})
    assert function.frames == [(TEXT_FRAME, "two\nlines"), (ERROR_FRAME, "wanted")]
    assert function.output == "printed\n"


def test_java_tool_options_reach_the_jvm(java):
    function = java("Methods::same", JAVA_TOOL_OPTIONS="-Dcolour=red")
    answer(function, 1)
    assert "Picked up JAVA_TOOL_OPTIONS: -Dcolour=red" in function.output
