"""The Telemetry API and the Logs API, with an external extension inside a real environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, zipped
from tests.support.waiting import eventually, wait_logged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.server import RunningServer

# Keeps what it is told in /tmp, where the function finds it.
EXTENSION = """#!/var/lang/bin/python3
import http.server, json, os, socketserver, threading, urllib.error, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = os.path.basename(__file__)
PLAN = json.loads(os.environ["PLAN"])

def keep(name, *lines):
    with open("/tmp/" + name, "a") as file:
        file.writelines(line + "\\n" for line in lines)

class Web(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        keep("events", *(json.dumps(event) for event in json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass

class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            keep("events", line.decode().strip())

def call(method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read().decode()

def subscribe():
    status, _, text = call(
        "PUT", PLAN["path"], PLAN["subscription"], **{"Lambda-Extension-Identifier": identifier}
    )
    keep("answers", json.dumps([status, json.loads(text)]))

_, headers, _ = call(
    "POST",
    "/2020-01-01/extension/register",
    {"events": ["INVOKE", "SHUTDOWN"]},
    **{"Lambda-Extension-Name": NAME},
)
identifier = headers["Lambda-Extension-Identifier"]
kind, handler = (socketserver.ThreadingTCPServer, Lines) if PLAN["tcp"] else (
    http.server.ThreadingHTTPServer, Web)
server = kind(("127.0.0.1", 8123), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("the extension subscribes", flush=True)
subscribe()
while True:
    event = json.loads(
        call("GET", "/2020-01-01/extension/event/next", **{"Lambda-Extension-Identifier": identifier})[2]
    )
    if event["eventType"] == "SHUTDOWN":
        break
    subscribe()
"""
FUNCTION = """
import json, os

def handler(event, context):
    if event.get("says"):
        print(event["says"])
    kept = {}
    for name in ("events", "answers"):
        path = "/tmp/" + name
        lines = open(path).read().splitlines() if os.path.exists(path) else []
        kept[name] = [json.loads(line) for line in lines if line.endswith(("}", "]"))]
    return kept
"""
ALL = ["platform", "function", "extension"]
TELEMETRY = "/2022-07-01/telemetry"
LOGS = "/2020-08-15/logs"
HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8123/"}
TCP = {"protocol": "TCP", "port": 8123}


@pytest.fixture
def subscribed(
    server: RunningServer, function: Callable[..., Deployed]
) -> Iterator[Callable[..., Deployed]]:
    """Makes a function with an extension that subscribes as the test wants."""
    client = server.client()
    layer = client.publish_layer_version(
        LayerName="listens",
        Content={"ZipFile": zipped({"extensions/listens": EXTENSION}, ("extensions/listens",))},
    )

    def make(path: str, subscription: dict[str, Any], **settings: Any) -> Deployed:
        plan = {
            "path": path,
            "subscription": {"buffering": {"timeoutMs": 25}, **subscription},
            "tcp": subscription["destination"]["protocol"] == "TCP",
        }
        return function(
            FUNCTION,
            Layers=[layer["LayerVersionArn"]],
            Environment={"Variables": {"PLAN": json.dumps(plan)}},
            Timeout=30,
            **WHOLE_CPU,
            **settings,
        )

    yield make
    client.delete_layer_version(LayerName="listens", VersionNumber=layer["Version"])


def heard(deployed: Deployed, last: str) -> list[Any]:
    """Everything the extension was told, once it was told of `last`."""

    def events() -> list[Any]:
        found = list(deployed.call()["events"])
        return found if any(event["type"] == last for event in found) else []

    return eventually(events, f"{last} at the extension")


@pytest.mark.parametrize("destination", [HTTP, TCP], ids=["http", "tcp"])
def test_an_extension_hears_of_init_and_of_each_invocation(subscribed, destination):
    deployed = subscribed(
        TELEMETRY, {"schemaVersion": "2022-12-13", "types": ALL, "destination": destination}
    )
    answer = deployed.invoke({"says": "the function says"})
    request_id = answer["ResponseMetadata"]["RequestId"]
    events = heard(deployed, "platform.report")
    types = [event["type"] for event in events]
    assert types[0] == "platform.initStart"
    for earlier, later in (
        ("platform.initStart", "platform.telemetrySubscription"),
        ("platform.initRuntimeDone", "platform.start"),
        ("platform.initReport", "platform.start"),
        ("platform.start", "platform.runtimeDone"),
        ("platform.runtimeDone", "platform.report"),
    ):
        assert types.index(earlier) < types.index(later)
    records = {event["type"]: event["record"] for event in reversed(events)}
    assert records["extension"] == "the extension subscribes"
    assert records["function"] == "the function says"
    assert records["platform.start"] == {"requestId": request_id, "version": "$LATEST"}
    assert records["platform.runtimeDone"]["status"] == "success"
    assert records["platform.runtimeDone"]["metrics"]["producedBytes"] > 0
    assert records["platform.report"]["metrics"]["initDurationMs"] > 0
    assert records["platform.telemetrySubscription"] == {
        "name": "listens",
        "state": "Subscribed",
        "types": ALL,
    }
    assert records["platform.extension"] == {
        "name": "listens",
        "state": "Ready",
        "events": ["INVOKE", "SHUTDOWN"],
    }


def test_the_log_has_lines_of_the_extension_and_its_subscription(subscribed):
    deployed = subscribed(
        TELEMETRY, {"schemaVersion": "2022-12-13", "types": ["platform"], "destination": HTTP}
    )
    deployed.call()
    messages = wait_logged(deployed, "REPORT RequestId")
    assert "TELEMETRY\tName: listens\tState: Subscribed\tTypes: [Platform]\n" in messages
    assert "EXTENSION\tName: listens\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n" in messages
    assert "the extension subscribes\n" in messages


def test_after_init_an_extension_cannot_subscribe(subscribed):
    deployed = subscribed(
        TELEMETRY, {"schemaVersion": "2022-12-13", "types": ["function"], "destination": HTTP}
    )
    deployed.call()

    def answers() -> list[Any]:
        found: list[Any] = deployed.call()["answers"]
        return found[:2] if len(found) > 1 else []

    first, second = eventually(answers, "the answers to two subscriptions")
    assert first == [200, "OK"]
    assert second == [
        403,
        {
            "errorMessage": "Telemetry API subscription is closed already",
            "errorType": "Telemetry.SubscriptionClosed",
        },
    ]


def test_what_is_wrong_with_a_subscription_is_said(subscribed):
    deployed = subscribed(
        TELEMETRY,
        {
            "schemaVersion": "2022-12-13",
            "types": [],
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"},
        },
    )
    [status, refusal] = deployed.call()["answers"][0]
    assert status == 400
    assert refusal == {
        "errorMessage": "URI port is not provided; types should not be empty",
        "errorType": "ValidationError",
    }


def test_the_logs_api_works(subscribed):
    deployed = subscribed(LOGS, {"schemaVersion": "2021-03-18", "types": ALL, "destination": HTTP})
    answer = deployed.invoke({"says": "the function says"})
    request_id = answer["ResponseMetadata"]["RequestId"]
    events = heard(deployed, "platform.report")
    records = {event["type"]: event["record"] for event in reversed(events)}
    assert records["platform.logsSubscription"]["name"] == "listens"
    assert records["platform.end"] == {"requestId": request_id}
    assert records["platform.runtimeDone"] == {"requestId": request_id, "status": "success"}
    assert records["function"] == "the function says"
    assert "platform.initStart" not in records


def test_json_logs_reach_an_extension_as_objects(subscribed):
    deployed = subscribed(
        TELEMETRY,
        {"schemaVersion": "2025-01-29", "types": ["function"], "destination": HTTP},
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "ERROR"},
    )
    said = {"level": "INFO", "timestamp": "2026-01-31T12:00:00Z", "text": "below the log's level"}
    deployed.call({"says": json.dumps(said)})
    [event] = heard(deployed, "function")
    assert event["record"] == said
