"""What a runtime is told by the Runtime API of `lambent rie` for what it may not do; its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.emulator import PYTHON, running_emulator
from tests.support.ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path

# Answers each invocation with what it was told about the last; it looks at statuses only.
_RUNTIME = """
import http.client, json, os, sys

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
told = sys.argv[1:]

def ask(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/" + path, body)
    answer = api.getresponse()
    return answer.status, answer.headers, json.loads(answer.read() or b"null")

def post(request_id, body):
    status, _, document = ask("POST", f"invocation/{request_id}/response", body)
    return status, (document or {}).get("errorType")

while True:
    _, headers, event = ask("GET", "invocation/next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    before, told = told, []
    told.append(post("11111111-2222-3333-4444-555555555555", b"1"))
    told.append(post(request_id, json.dumps(before).encode()))
    told.append(post(request_id, b"2"))
"""


def test_answers_to_other_invocations_and_second_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "runtime.py").write_text(_RUNTIME)
    with running_emulator(tmp_path, (PYTHON, "runtime.py"), directory=tmp_path) as running:
        assert running.invoke({}).json == []
        assert running.invoke({}).json == [
            [400, "InvalidRequestID"],
            [202, None],
            [403, "InvalidStateTransition"],
        ]


def test_flags_of_awss_emulator_may_follow_the_command_and_are_not_its(tmp_path: Path) -> None:
    (tmp_path / "runtime.py").write_text(_RUNTIME)
    [port] = free_ports(1)
    command = (
        *(PYTHON, "runtime.py", "--own", "flag"),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--log-level=debug", "function.handler"),
    )
    with running_emulator(tmp_path, command, directory=tmp_path) as running:
        assert running.url == f"http://127.0.0.1:{port}"
        assert running.invoke({}).json == ["--own", "flag", "function.handler"]
