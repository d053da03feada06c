from __future__ import annotations

import base64
import io
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner

from lambent.cli import api_commands
from lambent.cli.api_commands import invoke, logs

NOON_MS = 1_769_860_800_123  # 2026-01-31T12:00:00.123Z
MINUTE_MS = 60_000


class Client:
    """Answers what the test says, and remembers what it was asked."""

    def __init__(self):
        self.made = []
        self.accounts = []
        self.requests = []
        self.answers = []

    def make(self, service, endpoint_url, region, account):
        self.made.append((service, endpoint_url, region))
        self.accounts.append(account)
        return self

    def _answer(self, **request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    invoke = filter_log_events = _answer


@pytest.fixture
def client(monkeypatch):
    made = Client()
    monkeypatch.setattr(api_commands, "_client", made.make)
    for name in ("LAMBENT_ENDPOINT", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    return made


def run(command, *arguments, **options):
    return CliRunner().invoke(command, arguments, **options)


def answer(payload=b'"hello"', log="", **members):
    encoded = {"LogResult": base64.b64encode(log.encode()).decode()} if log else {}
    return {
        "StatusCode": 200,
        "Payload": io.BytesIO(payload),
        "ExecutedVersion": "$LATEST",
        **encoded,
        **members,
    }


def test_invoke_prints_what_the_function_returns_and_its_log_beside_it(client):
    client.answers = [answer(log="START\nEND\n")]
    result = run(invoke, "greet")
    assert result.exit_code == 0
    assert result.stdout == '"hello"\n'
    assert result.stderr == "START\nEND\n"
    assert client.made == [("lambda", "http://127.0.0.1:9000", "us-east-1")]
    assert client.requests == [{"FunctionName": "greet", "Payload": b"{}", "LogType": "Tail"}]


def test_invoke_takes_a_qualifier_and_another_server(client):
    client.answers = [answer()]
    options = ["--qualifier", "1", "--no-log", "--endpoint-url", "http://h:1", "--region", "r"]
    result = run(invoke, "greet", "--payload", "[1]", *options)
    assert result.stderr == ""
    assert client.made == [("lambda", "http://h:1", "r")]
    assert client.requests == [{"FunctionName": "greet", "Payload": b"[1]", "Qualifier": "1"}]


def test_the_server_and_the_region_may_be_variables(client):
    client.answers = [answer()]
    run(invoke, "greet", env={"LAMBENT_ENDPOINT": "http://h:2", "AWS_REGION": "eu-west-1"})
    assert client.made == [("lambda", "http://h:2", "eu-west-1")]


def test_the_event_may_be_in_a_file_or_come_from_standard_input(client, tmp_path):
    event = tmp_path / "event.json"
    event.write_bytes(b'{"file":1}')
    client.answers = [answer(), answer()]
    run(invoke, "greet", "--payload", f"@{event}")
    run(invoke, "greet", "--payload", "-", input=b'{"stdin":1}')
    assert [each["Payload"] for each in client.requests] == [b'{"file":1}', b'{"stdin":1}']


def test_an_event_that_cannot_be_read_is_an_error(client, tmp_path):
    result = run(invoke, "greet", "--payload", f"@{tmp_path}/missing")
    assert result.exit_code == 2
    assert f"cannot read {tmp_path}/missing: No such file or directory" in result.stderr
    assert client.requests == []


def test_a_function_s_failure_is_told_and_is_status_1(client):
    client.answers = [answer(b'{"errorType":"X"}', FunctionError="Unhandled")]
    result = run(invoke, "greet")
    assert result.exit_code == 1
    assert result.stdout == '{"errorType":"X"}\n'
    assert "The function failed (Unhandled):" in result.stderr


def test_programs_get_json(client):
    client.answers = [answer(b'{"a":1}', log="START\n", FunctionError="Unhandled"), answer(b"\xff")]
    first, second = run(invoke, "greet", "--json"), run(invoke, "greet", "--json")
    assert first.exit_code == 1
    assert json.loads(first.stdout) == {
        "payload": {"a": 1},
        "function_error": "Unhandled",
        "executed_version": "$LATEST",
        "log": ["START"],
    }
    assert json.loads(second.stdout)["payload"] == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("command", [invoke, logs])
def test_a_refusal_is_told_and_is_status_2(client, command):
    error: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": "Function not found"}}
    client.answers = [ClientError(error, "Operation")]
    result = run(command, "greet")
    assert result.exit_code == 2
    assert result.stderr == "Error: Function not found (ResourceNotFoundException)\n"


@pytest.mark.parametrize("command", [invoke, logs])
def test_a_server_that_does_not_answer_is_told_and_is_status_2(client, command):
    client.answers = [EndpointConnectionError(endpoint_url="http://127.0.0.1:9000")]
    result = run(command, "greet")
    assert result.exit_code == 2
    assert "Start it with `lambent serve`" in result.stderr


def event(number, at_ms=NOON_MS):
    return {"eventId": str(number), "timestamp": at_ms, "message": f"line {number}\n"}


def test_logs_prints_every_page(client, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOON_MS / 1000)
    client.answers = [
        {"events": [event(1), event(2)], "nextToken": "t"},
        {"events": [event(2), event(3)]},
    ]
    result = run(logs, "greet", "--since", "1")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"2026-01-31T12:00:00.123Z line {number}" for number in (1, 2, 3)
    ]
    request = {"logGroupName": "/aws/lambda/greet", "startTime": NOON_MS - MINUTE_MS}
    assert client.requests == [request, request | {"nextToken": "t"}]


def test_logs_takes_a_group_and_a_filter_and_prints_json(client):
    client.answers = [{"events": [event(1)]}]
    result = run(logs, "/my/group", "--filter", "ERROR", "--json")
    assert json.loads(result.stdout) == event(1)
    [request] = client.requests
    assert (request["logGroupName"], request["filterPattern"]) == ("/my/group", "ERROR")
    assert client.made[0][0] == "logs"


def test_following_prints_each_event_once_and_looks_back_a_little(client, monkeypatch):
    waits = []
    now_ms = [NOON_MS]

    def wait(seconds):
        waits.append(seconds)
        now_ms[0] += 60_000
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    late = NOON_MS + 60_000
    client.answers = [
        {"events": [event(1)]},
        {"events": [event(1), event(2, late)]},
        {"events": [event(3, late - 5000), event(2, late)]},
    ]
    monkeypatch.setattr(time, "time", lambda: now_ms[0] / 1000)
    result = run(logs, "greet", "--follow")
    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["1", "2", "3"]
    starts = [request["startTime"] for request in client.requests]
    assert starts == [NOON_MS - 3_600_000, NOON_MS - 10_000, late - 10_000]
    assert waits == [0.5] * 3


def test_following_a_function_that_has_not_logged_yet_waits_for_it(client, monkeypatch):
    def stop(seconds):
        if len(client.requests) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", stop)
    missing = {"Error": {"Code": "ResourceNotFoundException", "Message": "not there"}}
    client.answers = [ClientError(missing, "FilterLogEvents"), {"events": [event(1)]}]
    result = run(logs, "greet", "--follow")
    assert result.stdout.split()[-1] == "1"
    assert result.stderr.strip() in ("", "Aborted!")


def test_following_is_not_led_astray_by_an_event_of_the_future(client, monkeypatch):
    def stop(seconds):
        if len(client.requests) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", stop)
    monkeypatch.setattr(time, "time", lambda: NOON_MS / 1000)
    tomorrow = event(1, NOON_MS + 86_400_000)
    client.answers = [{"events": [tomorrow]}, {"events": [event(2, NOON_MS), tomorrow]}]
    result = run(logs, "greet", "--follow")
    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["1", "2"]
    assert client.requests[1]["startTime"] == NOON_MS - 10_000


def test_the_real_client_neither_retries_nor_uses_anybody_s_credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody's")
    made = api_commands._client("lambda", "http://127.0.0.1:1", "us-east-1", None)
    assert made.meta.endpoint_url == "http://127.0.0.1:1"
    assert made.meta.config.retries["total_max_attempts"] == 1
    assert made.meta.config.read_timeout > 900
    assert made._request_signer._credentials.access_key == "lambent"


def test_the_account_is_the_one_that_its_variable_names(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "123456789012")
    assert api_commands._default_account() == "123456789012"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    assert api_commands._default_account() is None
    made = api_commands._client("logs", "http://127.0.0.1:1", "us-east-1", "123456789012")
    assert made._request_signer._credentials.access_key == "123456789012"
