"""LoggingConfig as functions and readers of their logs see it; what clients log is in `runtimes/`."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from tests.support.functions import WHOLE_CPU
from tests.support.waiting import wait_logged

PRINTS = """
import json, os

def handler(event, context):
    for line in event["lines"]:
        print(line)
    return [os.environ["AWS_LAMBDA_LOG_FORMAT"], os.environ.get("AWS_LAMBDA_LOG_LEVEL")]
"""
NOON = "2026-01-31T12:00:00.123Z"
NOON_MS = 1_769_860_800_123


def line(level: str, text: str, **members: Any) -> str:
    return json.dumps({"level": level, "timestamp": NOON, "text": text, **members})


def json_logs(level: str = "INFO", system_level: str = "INFO") -> dict[str, str]:
    return {
        "LogFormat": "JSON",
        "ApplicationLogLevel": level,
        "SystemLogLevel": system_level,
    }


def types_in(messages: list[str]) -> list[str]:
    documents = [json.loads(message) for message in messages if message.startswith("{")]
    return [document["type"] for document in documents if "type" in document]


def test_functions_are_told_the_format_and_the_level(function):
    assert function(PRINTS).call({"lines": []}) == ["Text", None]
    deployed = function(PRINTS, LoggingConfig=json_logs("ERROR"))
    assert deployed.call({"lines": []}) == ["JSON", "ERROR"]


def test_printed_json_lines_are_left_out_by_level_and_plain_text_is_not(function):
    deployed = function(PRINTS, LoggingConfig=json_logs("WARN"), **WHOLE_CPU)
    untimed = json.dumps({"level": "ERROR", "text": "no time of its own"})
    lines = [line("info", "quiet"), line("Error", "loud"), untimed, "plain"]
    deployed.call({"lines": lines})
    messages = wait_logged(deployed, "platform.report")
    printed = [each for each in messages if "platform." not in each]
    assert sorted(printed) == sorted([f"{lines[1]}\n", "plain\n"])


def test_a_printed_json_line_is_an_event_of_its_own_time(function):
    deployed = function(PRINTS, LoggingConfig=json_logs(), **WHOLE_CPU)
    deployed.call({"lines": [line("info", "timed")]})
    wait_logged(deployed, "timed")
    logs = deployed.server.client("logs")
    found = logs.filter_log_events(
        logGroupName=f"/aws/lambda/{deployed.name}", filterPattern="timed"
    )
    assert [event["timestamp"] for event in found["events"]] == [NOON_MS]


@pytest.mark.parametrize(
    ("system_level", "types"),
    [
        (
            "DEBUG",
            [
                *("platform.initStart", "platform.initRuntimeDone", "platform.initReport"),
                *("platform.start", "platform.runtimeDone", "platform.report"),
            ],
        ),
        ("INFO", ["platform.initStart", "platform.start", "platform.report"]),
    ],
)
def test_the_system_level_says_which_events_of_the_platform_are_logged(
    function, system_level, types
):
    deployed = function(PRINTS, LoggingConfig=json_logs(system_level=system_level), **WHOLE_CPU)
    deployed.call({"lines": []})
    assert types_in(wait_logged(deployed, "platform.report")) == types


def test_the_log_tail_is_in_the_format_of_the_log(function):
    deployed = function(PRINTS, LoggingConfig=json_logs("WARN"), **WHOLE_CPU)
    answer = deployed.invoke(
        {"lines": [line("warn", "loud"), line("debug", "quiet")]}, LogType="Tail"
    )
    request_id = answer["ResponseMetadata"]["RequestId"]
    tail = [json.loads(each) for each in base64.b64decode(answer["LogResult"]).splitlines()]
    assert [each.get("type") or each["text"] for each in tail] == [
        "platform.start",
        "loud",
        "platform.report",
    ]
    assert tail[-1]["record"]["requestId"] == request_id


def test_a_time_out_in_a_json_log(function):
    deployed = function(
        "import time\ndef handler(event, context):\n    time.sleep(9)",
        LoggingConfig=json_logs(system_level="WARN"),
        Timeout=1,
        **WHOLE_CPU,
    )
    deployed.fail()
    messages = wait_logged(deployed, "platform.report")
    assert types_in(messages) == ["platform.runtimeDone", "platform.report"]
    [report] = [json.loads(each)["record"] for each in messages if "platform.report" in each]
    assert report["status"] == "timeout"
    assert any(each.endswith("Task timed out after 1.00 seconds\n\n") for each in messages)


def test_functions_share_a_log_group_and_keep_their_own_streams(function):
    group = "/shop/orders"
    deployed = [function(PRINTS, LoggingConfig={"LogGroup": group}, **WHOLE_CPU) for _ in range(2)]
    for each in deployed:
        each.call({"lines": [f"printed by {each.name}"]})
        wait_logged(each, f"printed by {each.name}", group)
    logs = deployed[0].server.client("logs")
    streams = [
        each["logStreamName"]
        for each in logs.describe_log_streams(logGroupName=group)["logStreams"]
    ]
    for each in deployed:
        form = rf"\d{{4}}/\d\d/\d\d/{each.name}\[\$LATEST\][0-9a-f]{{32}}"
        [stream] = [name for name in streams if re.fullmatch(form, name)]
        events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        assert f"printed by {each.name}\n" in [event["message"] for event in events["events"]]
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName=f"/aws/lambda/{deployed[0].name}")


def test_a_change_reaches_the_next_invocation(function):
    deployed = function(PRINTS, **WHOLE_CPU)
    deployed.call({"lines": []})
    deployed.client.update_function_configuration(
        FunctionName=deployed.name, LoggingConfig={"LogFormat": "JSON"}
    )
    deployed.client.get_waiter("function_updated_v2").wait(
        FunctionName=deployed.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    assert deployed.call({"lines": []}) == ["JSON", "INFO"]
    messages = wait_logged(deployed, "platform.report")
    assert any(each.startswith("REPORT ") for each in messages)


def test_levels_belong_to_json_logs(function):
    deployed = function(PRINTS)
    with pytest.raises(
        deployed.client.exceptions.InvalidParameterValueException,
        match='LogLevel is not supported when LogFormat is set to "Text"',
    ):
        deployed.client.update_function_configuration(
            FunctionName=deployed.name, LoggingConfig={"SystemLogLevel": "DEBUG"}
        )


def test_the_report_of_a_sampled_invocation_tells_its_segment(function):
    deployed = function(PRINTS, **WHOLE_CPU)
    root = "1-62e900b2-710d76f009d6e7785905449a"
    header = f"Root={root};Parent=0efbd19962d95b05;Sampled=1"

    def sample(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header

    events = deployed.client.meta.events
    events.register("before-send.lambda.Invoke", sample)
    try:
        deployed.call({"lines": []})
    finally:
        events.unregister("before-send.lambda.Invoke", sample)
    [report] = [
        message
        for message in wait_logged(deployed, "REPORT RequestId")
        if message.startswith("REPORT ")
    ]
    assert re.search(
        rf"\t\nXRAY TraceId: {root}\tSegmentId: [0-9a-f]{{16}}\tSampled: true\t\n$", report
    )
