"""`examples/telemetry-extension`: an external extension, written from AWS's documentation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.waiting import eventually, wait_logged

LAYER = Path(__file__).parents[3] / "examples/telemetry-extension"
PYTHON = """
import json, os, pathlib, time

def handler(event, context):
    if event.get("exit") is not None:
        os._exit(event["exit"])
    time.sleep(event.get("sleep", 0))
    print("from the handler")
    archive = pathlib.Path("/tmp/telemetry.jsonl")
    if not archive.exists():
        return []
    whole, _, being_written = archive.read_text().rpartition(chr(10))
    return whole.splitlines()
"""
PLATFORM = {
    "platform.initStart",
    "platform.initRuntimeDone",
    "platform.initReport",
    "platform.start",
    "platform.runtimeDone",
    "platform.report",
    "platform.extension",
    "platform.telemetrySubscription",
}


@pytest.fixture
def archived(layer, extended):
    return extended("python3.13", {"main.py": PYTHON}, layer("telemetry-archive", LAYER), Timeout=3)


def read(deployed):
    """What the extension has kept so far, read by the function."""
    return [json.loads(line) for line in deployed.call()]


def wait_kept(deployed, wanted):
    """Everything kept, once there is a record that `wanted` says yes to."""

    def find():
        kept = read(deployed)
        return kept if any(wanted(each) for each in kept) else None

    return eventually(find, "a record in the archive")


def records(kept, kind):
    return [each for each in kept if each.get("type") == kind]


def of_request(kept, kind, request_id):
    return [each for each in records(kept, kind) if each["record"]["requestId"] == request_id]


def test_it_sees_the_whole_life_of_its_environment(archived):
    first = archived.invoke()["ResponseMetadata"]["RequestId"]
    kept = wait_kept(
        archived, lambda each: each.get("type") == "platform.report" and first in str(each)
    )
    assert {each.get("type") for each in kept} >= PLATFORM

    [registered] = [each["registered"] for each in kept if "registered" in each]
    assert registered == {
        "accountId": "000000000000",
        "functionName": archived.name,
        "functionVersion": "$LATEST",
        "handler": "main.handler",
    }
    event = next(each["event"] for each in kept if "event" in each)
    assert event["eventType"] == "INVOKE"
    assert event["requestId"] == first
    assert event["invokedFunctionArn"].endswith(f":function:{archived.name}")
    assert event["deadlineMs"] > 1_700_000_000_000
    assert event["tracing"]["type"] == "X-Amzn-Trace-Id"

    [extension] = records(kept, "platform.extension")
    assert extension["record"] == {
        "events": ["INVOKE", "SHUTDOWN"],
        "name": "telemetry-archive",
        "state": "Ready",
    }
    [subscription] = records(kept, "platform.telemetrySubscription")
    assert subscription["record"] == {
        "name": "telemetry-archive",
        "state": "Subscribed",
        "types": ["platform", "function", "extension"],
    }
    [start] = records(kept, "platform.initStart")
    assert start["record"]["initializationType"] == "on-demand"
    assert start["record"]["phase"] == "init"
    assert start["record"]["functionName"] == archived.name
    [report] = of_request(kept, "platform.report", first)
    assert report["record"]["status"] == "success"
    assert report["record"]["metrics"]["memorySizeMB"] == 1769
    [done] = of_request(kept, "platform.runtimeDone", first)
    assert done["record"]["metrics"]["producedBytes"] > 0
    assert "responseLatency" in {span["name"] for span in done["record"]["spans"]}
    said = [each["record"].rstrip("\n") for each in records(kept, "function")]
    assert "from the handler" in said


def test_it_is_told_of_the_end_of_a_quiet_environment(archived):
    archived.call()
    archived.client.delete_function(FunctionName=archived.name)
    wait_logged(archived, "telemetry-archive: shut down because of spindown")


@pytest.mark.parametrize(
    ("event", "reason", "status", "error_type"),
    [
        ({"sleep": 30}, "timeout", "timeout", "Sandbox.Timedout"),
        ({"exit": 1}, "failure", "failure", "Runtime.ExitError"),
    ],
    ids=["time-out", "exit"],
)
def test_it_outlives_a_runtime_that_fails_and_starts_again(
    archived, event, reason, status, error_type
):
    archived.call()
    answer = archived.invoke(event)
    assert json.loads(answer["Payload"].read())["errorType"] == error_type
    failed = answer["ResponseMetadata"]["RequestId"]
    # /tmp stays, and in it the archive: the extension of the next runtime goes on with it.
    kept = wait_kept(
        archived, lambda each: each.get("type") == "platform.report" and failed in str(each)
    )
    ends = [each["event"] for each in kept if each.get("event", {}).get("eventType") == "SHUTDOWN"]
    assert [each["shutdownReason"] for each in ends] == [reason]
    [report] = of_request(kept, "platform.report", failed)
    assert report["record"]["status"] in (status, "error")
    assert len([each for each in kept if "registered" in each]) == 2
